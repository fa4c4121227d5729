/** Writes each built file a second and a third time, compressed as far as it goes (.br, .gz). */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const FOLDER = new URL("../static/dist/assets/", import.meta.url).pathname;
const TEXT = /\.(css|js|svg)$/;
/** What fits into one packet with its headers gains nothing. */
const LEAST_BYTES = 1_000;

for (const name of readdirSync(FOLDER).filter((name) => TEXT.test(name))) {
  const content = readFileSync(join(FOLDER, name));
  if (content.length < LEAST_BYTES) continue;
  const params = {
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  writeFileSync(join(FOLDER, `${name}.br`), brotliCompressSync(content, { params }));
  writeFileSync(
    join(FOLDER, `${name}.gz`),
    gzipSync(content, { level: constants.Z_BEST_COMPRESSION }),
  );
}
