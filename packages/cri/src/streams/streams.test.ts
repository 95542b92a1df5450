import { Readable, Writable } from 'node:stream';
import { carryOutput } from './output';

const frame = (stream: number, text: string): Buffer => {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

function sink() {
  let text = '';
  const stream = new Writable({
    write: (bytes: Buffer, _encoding, done) => {
      text += bytes.toString();
      setImmediate(done);
    },
  });
  return { stream, said: () => text };
}

test.each([1, 7, 8, 9, 64])('outputs are told apart, however they are cut (%i bytes)', async (size) => {
  const whole = Buffer.concat([frame(1, 'one'), frame(2, 'two'), frame(1, ''), frame(1, 'three')]);
  const parts = Array.from({ length: Math.ceil(whole.length / size) }, (_, at) => whole.subarray(at * size, (at + 1) * size));
  const [out, err] = [sink(), sink()];
  await carryOutput(Readable.from(parts) as AsyncIterable<Buffer>, false, { stdout: out.stream, stderr: err.stream });
  expect([out.said(), err.said()]).toEqual(['onethree', 'two']);
  const alone = sink();
  await carryOutput(Readable.from(parts) as AsyncIterable<Buffer>, false, { stderr: alone.stream });
  expect(alone.said()).toBe('two');
});

test("a terminal's output is one, and a client that is gone holds nothing up", async () => {
  const out = sink();
  await carryOutput(Readable.from([Buffer.from('a'), Buffer.from('b')]) as AsyncIterable<Buffer>, true, { stdout: out.stream });
  expect(out.said()).toBe('ab');
  const gone = sink();
  gone.stream.destroy();
  await carryOutput(Readable.from([Buffer.from('a')]) as AsyncIterable<Buffer>, true, { stdout: gone.stream });
});
