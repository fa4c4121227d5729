/** Counts down for a page in the background, whose own timers a browser slows to one a minute. */
const running = new Map<number, number>();

self.onmessage = ({ data }: MessageEvent<{ id: number; ms: number | null }>) => {
  clearTimeout(running.get(data.id));
  running.delete(data.id);
  if (data.ms === null) return;
  const done = () => {
    running.delete(data.id);
    self.postMessage(data.id);
  };
  running.set(data.id, setTimeout(done, data.ms) as unknown as number);
};
