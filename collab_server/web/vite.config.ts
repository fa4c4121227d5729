import { defineConfig } from "vite";

// One HTML shell for every page; the server sends it for /, /join, /s/<id>, /desk, /setup, /floor.
// Nothing is inlined, so that the pages run under `script-src 'self'; style-src 'self'`.
export default defineConfig({
  base: "/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../static/dist",
    emptyOutDir: true,
    assetsDir: "assets",
    assetsInlineLimit: 0,
    target: "es2022",
    manifest: "manifest.json",
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/v1": { target: "http://127.0.0.1:8080", ws: true } } },
});
