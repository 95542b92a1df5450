/** Runs to its end what the process must not end before: it may wait for what does not keep a process, and a stop that is cut short leaves stores open. */
export async function keepingAlive<T>(work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => undefined, 60_000);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
