/** The kinds of record that gantry-native takes in modes `receive` and `session` (packages/native/layers/receive.h). */
export const RECORD = {
  dir: 1,
  file: 2,
  open: 3,
  data: 4,
  close: 5,
  symlink: 6,
  hardlink: 7,
  node: 8,
  remove: 9,
  times: 10,
  start: 11,
  begin: 12,
  expect: 13,
  settle: 14,
  leave: 15,
  compare: 16,
} as const;

const HEAD = 64;
const NONE: Buffer = Buffer.alloc(0);

export interface RecordParts {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly major?: number;
  readonly minor?: number;
  readonly slot?: number;
  readonly transfer?: number;
  readonly path?: Buffer;
  readonly link?: Buffer;
  readonly xattrs?: ReadonlyMap<string, Buffer>;
  readonly data?: readonly Buffer[];
  /** Nanoseconds since 1970. */
  readonly modTime?: bigint;
}

/** One record, in parts that are to be written one behind the other. */
export function recordParts(kind: number, about: RecordParts): Buffer[] {
  const { path = NONE, link = NONE, data = [], modTime = 0n } = about;
  const xattrs = packXattrs(about.xattrs);
  let seconds = modTime / 1_000_000_000n;
  let nanos = modTime % 1_000_000_000n;
  if (nanos < 0n) {
    seconds -= 1n;
    nanos += 1_000_000_000n;
  }
  const head = Buffer.alloc(HEAD);
  head[0] = kind;
  head.writeUInt32LE(about.mode ?? 0, 4);
  head.writeUInt32LE(about.uid ?? 0, 8);
  head.writeUInt32LE(about.gid ?? 0, 12);
  head.writeUInt32LE(about.slot ?? 0, 16);
  head.writeUInt32LE(about.major ?? 0, 20);
  head.writeUInt32LE(about.minor ?? 0, 24);
  head.writeUInt32LE(path.length, 28);
  head.writeUInt32LE(link.length, 32);
  head.writeUInt32LE(xattrs.length, 36);
  head.writeBigUInt64LE(BigInt(data.reduce((sum, part) => sum + part.length, 0)), 40);
  head.writeBigInt64LE(seconds, 48);
  head.writeUInt32LE(Number(nanos), 56);
  head.writeUInt32LE(about.transfer ?? 0, 60);
  return [head, path, link, xattrs, ...data].filter((part) => part.length > 0);
}

function packXattrs(xattrs: ReadonlyMap<string, Buffer> | undefined): Buffer {
  if (xattrs === undefined || xattrs.size === 0) return NONE;
  return Buffer.concat(
    [...xattrs].flatMap(([name, value]) => {
      const key = Buffer.from(name);
      const head = Buffer.alloc(6);
      head.writeUInt16LE(key.length, 0);
      head.writeUInt32LE(value.length, 2);
      return [head, key, value];
    }),
  );
}
