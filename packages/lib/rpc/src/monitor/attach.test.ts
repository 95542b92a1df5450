import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attachMonitor } from './attach';

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
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'gantry-monitor-'))));
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
    let said = '';
    for await (const bytes of socket) said += String(bytes);
    expect([tty, said]).toEqual([true, 'first']);
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
