import { createGunzip } from 'node:zlib';
import { Readable } from 'node:stream';
import { ByteSource, checkSum, number, padding, paxRecord, writeSum } from '@gantry/oci/tar';
import { GantryError, resourceExhausted } from '@gantry/rpc';

const BLOCK = 512;
/** An honest header or config.json is no longer. */
const LIMIT = 1 << 20;
const SHORT = 100;

/** What the archive of `docker plugin create` has beside the root file system. */
export interface Context {
  config?: Buffer;
}

/** The root file system's archive out of that of a folder with config.json and rootfs/, entry by entry as it comes; config.json is put into the context. */
export async function* rootfsOf(source: AsyncIterable<Buffer>, context: Context): AsyncGenerator<Buffer> {
  const input = new ByteSource(await unpacked(source));
  let found = false;
  let extended = new Map<string, Buffer>();
  for (;;) {
    const header = await input.exactly(BLOCK, true);
    if (header === undefined || header.every((byte) => byte === 0)) break;
    checkSum(header);
    const type = String.fromCharCode(header[156] ?? 0);
    const declared = extended.get('size');
    const size = 'xgLK'.includes(type) || declared === undefined ? number(header.subarray(124, 136)) : Number(declared.toString());
    if ('xgLK'.includes(type)) {
      if (size > LIMIT) throw resourceExhausted(`archive header of ${size} bytes is too large`);
      const data = (await input.exactly(size)) ?? Buffer.alloc(0);
      await input.skip(padding(size));
      if (type === 'x') extended = new Map([...extended, ...readExtended(data)]);
      if (type === 'L') extended.set('path', untilNul(data));
      if (type === 'K') extended.set('linkpath', untilNul(data));
      continue;
    }
    const entry = extended;
    extended = new Map();
    const length = '1234567'.includes(type) && type !== '7' ? 0 : size;
    const name = clean(entry.get('path')?.toString() ?? nameOf(header));
    if (name === 'config.json') {
      if (length > LIMIT) throw resourceExhausted(`config.json of ${length} bytes is too large`);
      context.config = (await input.exactly(length)) ?? Buffer.alloc(0);
    } else if (name === 'rootfs' || name.startsWith('rootfs/')) {
      found = true;
      entry.set('path', Buffer.from(name === 'rootfs' ? './' : `${name.slice('rootfs/'.length)}${type === '5' ? '/' : ''}`));
      const target = entry.get('linkpath') ?? untilNul(header.subarray(157, 257));
      if (type === '1') entry.set('linkpath', Buffer.from(clean(target.toString()).replace(/^rootfs\//i, '')));
      yield* headed(header, entry);
      for await (const part of input.take(length)) yield part;
      yield Buffer.alloc(padding(length));
    } else await input.skip(length);
    await input.skip(padding(length));
  }
  await input.drain();
  if (!found) throw new GantryError('internal', 'no rootfs found');
  yield Buffer.alloc(2 * BLOCK);
}

/** `docker plugin create --compress` sends it packed. */
async function unpacked(source: AsyncIterable<Buffer>): Promise<AsyncIterable<Buffer>> {
  const input = new ByteSource(source);
  const first = (await input.some(2)) ?? Buffer.alloc(0);
  const whole = (async function* () {
    if (first.length > 0) yield first;
    for (let part = await input.some(Infinity); part !== undefined; part = await input.some(Infinity)) yield part;
  })();
  return first.equals(Buffer.from([0x1f, 0x8b])) ? Readable.from(whole, { objectMode: false }).pipe(createGunzip()) : whole;
}

/** The entry's header under its new names; what does not fit there goes before it, in an extended one. */
function* headed(original: Buffer, extended: Map<string, Buffer>): Generator<Buffer> {
  const header = Buffer.from(original);
  for (const [key, at, room] of [
    ['path', 0, SHORT],
    ['linkpath', 157, SHORT],
  ] as const) {
    const value = extended.get(key);
    if (value === undefined) continue;
    header.fill(0, at, at + room);
    if (value.length <= room) {
      value.copy(header, at);
      extended.delete(key);
    } else value.copy(header, at, 0, room);
  }
  header.fill(0, 345, 500); // the name is whole now
  if (extended.size > 0) {
    const data = Buffer.concat([...extended].map(([key, value]) => paxRecord(key, value)));
    const own = Buffer.from(header);
    own.fill(0, 0, SHORT).write('PaxHeaders.0');
    own.fill(0, 157, 257);
    own.write(`${data.length.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
    own.write('x', 156, 'latin1');
    own.write('ustar\0' + '00', 257, 'latin1');
    yield writeSum(own);
    yield data;
    yield Buffer.alloc(padding(data.length));
  }
  yield writeSum(header);
}

function readExtended(data: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(data.toString('latin1', at, space));
    const equals = data.indexOf(0x3d, space);
    if (!Number.isSafeInteger(length) || length <= 0 || equals < 0 || at + length > data.length) break;
    found.set(data.toString('utf8', space + 1, equals), data.subarray(equals + 1, at + length - 1));
    at += length;
  }
  return found;
}

const untilNul = (field: Buffer): Buffer => {
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
};

function nameOf(header: Buffer): string {
  const prefix = header.toString('latin1', 257, 262) === 'ustar' ? untilNul(header.subarray(345, 500)).toString() : '';
  const name = untilNul(header.subarray(0, SHORT)).toString();
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Without what leads nowhere: `./rootfs//x/` is `rootfs/x`. */
function clean(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
