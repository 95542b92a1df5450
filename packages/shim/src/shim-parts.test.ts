import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MS } from '@gantry/linux';
import { silentLogger } from '@gantry/rpc';
import { EventJournal } from './events/journal';
import { AnswerReader, encodeRequest } from '@gantry/native';
import { relativeLower } from './rootfs/lower-paths';
import { parseMountOptions } from './rootfs/mount-options';
import { hostId } from './tasks/host-id';
import { checkIdentifier } from './tasks/record';
import { monitorStdio } from './tasks/stdio';

const dir = join(tmpdir(), `gantry-shim-parts-${process.pid}`);
beforeAll(() => mkdirSync(dir));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('event journal', () => {
  const envelope = (topic: string) => ({ timestamp: undefined, namespace: 'n', topic, event: undefined });

  test('keeps what was not acknowledged over a restart, in order and with its numbers', () => {
    const path = join(dir, 'journal');
    const first = new EventJournal(path, silentLogger);
    first.open();
    for (const topic of ['/a', '/b', '/c']) first.append(envelope(topic));
    first.ack(1n);
    first.close();
    writeFileSync(path, 'e 4 CgA', { flag: 'a' }); // cut by a crash
    const second = new EventJournal(path, silentLogger);
    second.open();
    expect(
      second
        .after(0n)
        .filter(({ envelope: { topic } }) => topic !== '')
        .map(({ sequence, envelope: { topic } }) => [sequence, topic]),
    ).toEqual([
      [2n, '/b'],
      [3n, '/c'],
    ]);
    expect(second.append(envelope('/d')).sequence).toBeGreaterThan(3n);
    second.close();
  });

  test('forgets the oldest when nobody acknowledges, and cuts its file when all is acknowledged', () => {
    const path = join(dir, 'long');
    const journal = new EventJournal(path, silentLogger);
    journal.open();
    for (let i = 0; i < 5000; i++) journal.append(envelope(`/${'x'.repeat(60)}`));
    expect(journal.after(0n)).toHaveLength(4096);
    journal.ack(5000n);
    expect(journal.after(0n)).toHaveLength(0);
    expect(statSync(path).size).toBeLessThan(100);
    expect(readFileSync(path, 'latin1')).toBe('a 5000\n');
    journal.close();
  });
});

test('requests are framed as the helper reads them; answers are cut from any chunks', () => {
  const frame = encodeRequest(7, 'run', { argv: ['a', 'bc'], output: true, left: undefined });
  expect(frame.readUInt32LE(0)).toBe(frame.length - 4);
  expect(frame.toString('latin1', 4)).toBe('\x07\0\0\0R\x04argv\x04\0\0\0a\0bc\0\x06output\x01\0\0\x001\0');
  const answer = (id: number, text: string): Buffer =>
    Buffer.concat([Buffer.from([text.length + 4, 0, 0, 0, id, 0, 0, 0]), Buffer.from(text)]);
  const bytes = Buffer.concat([answer(1, '{"ok":true}'), answer(2, '{"ok":false}')]);
  const reader = new AnswerReader();
  const seen: [number, boolean][] = [];
  for (const byte of bytes) reader.push(Buffer.from([byte]), (id, { ok }) => seen.push([id, ok]));
  expect(seen).toEqual([
    [1, true],
    [2, false],
  ]);
});

test('mount options become flags and data', () => {
  expect(parseMountOptions(['rbind', 'ro', 'nosuid'])).toEqual({ flags: MS.BIND | MS.REC | MS.RDONLY | MS.NOSUID, data: '' });
  expect(parseMountOptions(['ro', 'rw', 'lowerdir=/a:/b', 'index=off'])).toEqual({ flags: 0, data: 'lowerdir=/a:/b,index=off' });
});

test('many layers are named relative to what they have in common', () => {
  expect(relativeLower('workdir=/d/s/9/work,upperdir=/d/s/9/fs,lowerdir=/d/s/8/fs:/d/s/7/fs')).toEqual({
    directory: '/d/s',
    data: 'workdir=/d/s/9/work,upperdir=/d/s/9/fs,lowerdir=8/fs:7/fs',
  });
  expect(relativeLower('lowerdir=/d/s/1/fs')).toBeUndefined();
});

test('ids that become names of directories are checked', () => {
  expect(checkIdentifier('id', 'a.b-c_1')).toBe('a.b-c_1');
  for (const bad of ['', '..', '../x', 'a/b', 'a\0', '-a', 'a..b', 'x'.repeat(77)])
    expect(() => checkIdentifier('id', bad)).toThrow(expect.objectContaining({ kind: 'invalidArgument' }));
});

test('ids inside a user namespace are mapped to the host', () => {
  const map = [{ containerID: 0, hostID: 100000, size: 10 }];
  expect([hostId(3, map), hostId(10, map), hostId(3, undefined)]).toEqual([100003, -1, 3]);
});

test('stdio URIs are read, and what cannot be honoured is refused by name', async () => {
  const owner = { namespace: 'n', id: 'c' };
  const uris = { stdin: 'monitor:///run/s/x', stdout: 'monitor:///run/s/x', stderr: 'file:///var/x?y=1', terminal: false };
  expect(await monitorStdio(uris, owner, true, true)).toEqual({
    socket: '/run/s/x',
    fields: { tty: false, stdin: 'open', stdin_once: true, stdout: 'open', stderr: 'file:/var/x' },
  });
  expect((await monitorStdio(uris, owner, false, false)).fields['stdin']).toBe('');
  expect(
    (await monitorStdio({ ...uris, stdout: 'binary:///bin/sh?-c=exit%201&flag', stderr: '' }, owner, false, false)).fields,
  ).toMatchObject({
    stdout: 'open',
    stderr: 'open',
    logger: ['/bin/sh', '-c', 'exit 1', 'flag'],
    logger_env: ['CONTAINER_ID=c', 'CONTAINER_NAMESPACE=n'],
  });
  for (const wrong of [
    { stdout: 'binary:///no/such' },
    { stdout: 'binary://relative' },
    { stdout: 'binary:///bin/sh' },
    { stderr: 'binary:///bin/sh' },
  ]) {
    await expect(monitorStdio({ ...uris, ...wrong }, owner, false, false)).rejects.toMatchObject({ kind: 'invalidArgument' });
  }
  await expect(monitorStdio({ ...uris, stdout: 'npipe:///x' }, owner, false, false)).rejects.toMatchObject({ kind: 'notImplemented' });
  await expect(monitorStdio({ ...uris, stdout: dir }, owner, false, false)).rejects.toMatchObject({ kind: 'invalidArgument' });
  await expect(monitorStdio({ ...uris, stdin: '/missing' }, owner, false, false)).rejects.toMatchObject({ kind: 'invalidArgument' });
});
