import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { attachMonitor } from './monitor';
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

describe('a monitor', () => {
  let folder: string;
  let server: Server;
  const open = new Set<Socket>();
  const answering = (act: (socket: Socket, line: string) => void) =>
    new Promise<string>((resolve) => {
      const path = join(folder, 'monitor');
      server = createServer((socket) => {
        open.add(socket);
        socket.once('data', (line: Buffer) => act(socket, line.toString()));
      }).listen(path, () => resolve(path));
    });
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'gantry-cri-'))));
  afterEach(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });
  const wish = { stdin: true, stdout: true, stderr: false, tty: true };

  test('is asked for streams, and loses nothing that comes with its answer', async () => {
    let asked = '';
    const path = await answering((socket, line) => {
      asked = line;
      socket.end('{"ok":true,"tty":true}\nfirst');
    });
    const { socket, tty } = await attachMonitor(path, wish);
    expect(JSON.parse(asked)).toEqual({ op: 'attach', stdin: true, stdout: true, stderr: false });
    const out = sink();
    await carryOutput(socket, tty, { stdout: out.stream });
    expect([tty, out.said()]).toEqual([true, 'first']);
  });

  test.each([
    ['{"ok":false,"error":"no"}\n', 'the monitor refused to attach: no'],
    ['', 'the monitor is gone'],
    ['x'.repeat(5000), 'the monitor answered nonsense'],
  ])('that does not attach says why', async (answer, words) => {
    const path = await answering((socket) => socket.end(answer));
    await expect(attachMonitor(path, wish)).rejects.toThrow(words);
  });
});
