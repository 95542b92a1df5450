import { PassThrough } from 'node:stream';
import { drained } from './drained';

const listeners = (stream: PassThrough): number[] => ['drain', 'close', 'error'].map((event) => stream.listenerCount(event));

it('waits for a slow reader a thousand times and leaves no listener', async () => {
  const stream = new PassThrough({ highWaterMark: 1 });
  const before = listeners(stream);
  for (let i = 0; i < 1000; i++) {
    expect(stream.write('xx')).toBe(false);
    setImmediate(() => stream.read());
    await drained(stream);
    expect(listeners(stream)).toEqual(before);
  }
});

it('resolves when the reader goes, and at once where nothing is full', async () => {
  const stream = new PassThrough({ highWaterMark: 1 });
  await drained(stream);
  stream.write('xx');
  const waiting = drained(stream);
  stream.destroy();
  await waiting;
  expect(stream.listenerCount('drain')).toBe(0);
  await drained(stream);
  const broken = new PassThrough({ highWaterMark: 1 });
  broken.write('xx');
  setImmediate(() => broken.destroy(new Error('gone')));
  await expect(drained(broken)).rejects.toThrow('gone');
});
