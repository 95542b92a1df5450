import { randomBytes } from 'node:crypto';

/** The parts of a W3C trace context header, version 00 (https://www.w3.org/TR/trace-context/). */
export interface TraceParent {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hex digits, not all zero. */
  readonly spanId: string;
  /** Bit 0: sampled. */
  readonly flags: number;
}

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Undefined when the header is malformed: W3C says to start a new trace then. */
export function parseTraceparent(header: string | undefined): TraceParent | undefined {
  const match = form.exec(header ?? '');
  if (match === null) return undefined;
  const [, version = '', traceId = '', spanId = '', flags = '', rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, flags: parseInt(flags, 16) };
}

export function formatTraceparent(trace: TraceParent): string {
  return `00-${trace.traceId}-${trace.spanId}-${(trace.flags & 0xff).toString(16).padStart(2, '0')}`;
}

/** A new span below a parent, or the root of a new trace. */
export function childTrace(parent?: TraceParent): TraceParent {
  return { traceId: parent?.traceId ?? randomHex(16), spanId: randomHex(8), flags: parent?.flags ?? 1 };
}

/** One call to the system's source serves many ids: a call of its own for each costs more than all the rest of a span. */
const pool = { bytes: Buffer.alloc(0), at: 0 };
const POOL_BYTES = 4096;

function randomHex(bytes: number): string {
  if (pool.at + bytes > pool.bytes.length) {
    pool.bytes = randomBytes(POOL_BYTES);
    pool.at = 0;
  }
  pool.at += bytes;
  return pool.bytes.toString('hex', pool.at - bytes, pool.at);
}
