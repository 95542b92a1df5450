/** The few messages of criu's service that are used here, in protobuf's wire format (criu, images/rpc.proto). */

export const requestType = { dump: 1, restore: 2, preDump: 4, notify: 6, version: 10 } as const;
export type RequestType = keyof typeof requestType;

/** Field numbers of criu_opts. */
const numbers = {
  imagesDirFd: 1,
  pid: 2,
  leaveRunning: 3,
  extUnixSk: 4,
  tcpEstablished: 5,
  evasiveDevices: 6,
  shellJob: 7,
  fileLocks: 8,
  logLevel: 9,
  logFile: 10,
  ps: 11,
  notifyScripts: 12,
  root: 13,
  parentImg: 14,
  trackMem: 15,
  autoDedup: 16,
  workDirFd: 17,
  linkRemap: 18,
  extMnt: 23,
  manageCgroups: 24,
  cgRoot: 25,
  rstSibling: 26,
  inheritFd: 27,
  manageCgroupsMode: 34,
  external: 37,
  emptyNs: 38,
  joinNs: 39,
  freezeCgroup: 44,
  tcpSkipInFlight: 46,
  lazyPages: 48,
  statusFd: 49,
  orphanPtsMaster: 50,
  tcpClose: 52,
} as const;

export const cgroupModes = { ignore: 0, none: 1, props: 2, soft: 3, full: 4, strict: 5, default: 6 } as const;

type Pair = readonly [string, string | number];
export type CriuOptions = { readonly [K in keyof typeof numbers]?: boolean | number | string | readonly (Pair | string)[] };

export function encodeRequest(type: RequestType, options?: CriuOptions): Uint8Array {
  return Buffer.concat([field(1, requestType[type]), ...(options ? [field(2, encodeOptions(options))] : [])]);
}

/** The answer to a notification: go on, or not. */
export function encodeNotified(success: boolean): Uint8Array {
  return Buffer.concat([field(1, requestType.notify), field(3, success)]);
}

function encodeOptions(options: CriuOptions): Uint8Array {
  return Buffer.concat(
    Object.entries(options).flatMap(([name, value]) => {
      const number = numbers[name as keyof typeof numbers];
      return Array.isArray(value)
        ? value.map((entry: Pair | string) => field(number, typeof entry === 'string' ? entry : encodePair(entry)))
        : [field(number, value as boolean | number | string)];
    }),
  );
}

function encodePair([key, value]: Pair): Uint8Array {
  return Buffer.concat([field(1, key), field(2, value)]);
}

function field(number: number, value: boolean | number | string | Uint8Array): Uint8Array {
  if (typeof value === 'boolean' || typeof value === 'number')
    return Buffer.concat([varint(BigInt(number << 3)), varint(BigInt.asUintN(64, BigInt(Number(value))))]);
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([varint(BigInt((number << 3) | 2)), varint(BigInt(bytes.length)), bytes]);
}

function varint(value: bigint): Uint8Array {
  const out: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    const byte = Number(rest & 0x7fn);
    if (rest < 0x80n) return Uint8Array.from([...out, byte]);
    out.push(byte | 0x80);
  }
}

export interface CriuAnswer {
  readonly type: number;
  readonly success: boolean;
  /** Of a restore: the first process. */
  readonly pid: number;
  readonly notify: { readonly script: string; readonly pid: number } | undefined;
  readonly errno: number;
  readonly message: string;
}

/** Throws RangeError for bytes that are no message. */
export function decodeAnswer(bytes: Uint8Array): CriuAnswer {
  const top = decode(bytes);
  const notify = top.get(5);
  const inner = notify instanceof Uint8Array ? decode(notify) : undefined;
  const restore = top.get(4);
  const text = (value: bigint | Uint8Array | undefined) => (value instanceof Uint8Array ? Buffer.from(value).toString() : '');
  const number = (value: bigint | Uint8Array | undefined) => (typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : 0);
  return {
    type: number(top.get(1)),
    success: number(top.get(2)) !== 0,
    pid: restore instanceof Uint8Array ? number(decode(restore).get(1)) : 0,
    notify: inner && { script: text(inner.get(1)), pid: number(inner.get(2)) },
    errno: number(top.get(7)),
    message: text(top.get(9)),
  };
}

function decode(bytes: Uint8Array): Map<number, bigint | Uint8Array> {
  const fields = new Map<number, bigint | Uint8Array>();
  let at = 0;
  const next = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number of a message of criu is cut short');
  };
  const take = (size: number): Uint8Array => {
    if (at + size > bytes.length) throw new RangeError('a message of criu is cut short');
    at += size;
    return bytes.subarray(at - size, at);
  };
  while (at < bytes.length) {
    const key = Number(next());
    const kind = key & 7;
    if (kind === 0) fields.set(key >> 3, next());
    else if (kind === 2) fields.set(key >> 3, take(Number(next())));
    else if (kind === 1 || kind === 5) take(kind === 1 ? 8 : 4);
    else throw new RangeError(`a message of criu has a field of kind ${kind}`);
  }
  return fields;
}
