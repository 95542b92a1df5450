/** A little of the binary format of WebAssembly (core specification, chapter 5): enough to write a module down by hand. */
const section = (id: number, content: number[]): number[] => [id, ...leb(content.length), ...content];
const list = (items: readonly number[][]): number[] => [...leb(items.length), ...items.flat()];
const bytes = (text: string): number[] => [...Buffer.from(text)];
const named = (text: string): number[] => [...leb(bytes(text).length), ...bytes(text)];

/** Unsigned LEB128. */
function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

/** i32.const in signed LEB128. */
function i32(value: number): number[] {
  const out: number[] = [0x41];
  for (let rest = value; ; rest >>= 7) {
    const last = (rest >> 7 === 0 && (rest & 0x40) === 0) || (rest >> 7 === -1 && (rest & 0x40) !== 0);
    out.push((rest & 0x7f) | (last ? 0 : 0x80));
    if (last) return out;
  }
}

const I32 = 0x7f;
const [FD_WRITE, FD_READ, PROC_EXIT, POLL] = [0, 1, 2, 3];
const call = (index: number): number[] => [0x10, ...leb(index)];
const load = (at: number): number[] => [...i32(at), 0x28, 2, 0];
const store = (at: number, value: number[]): number[] => [...i32(at), ...value, 0x36, 2, 0];
const DROP = 0x1a;

/**
 * A WASI module that writes `greeting` to stdout and `complaint` to stderr, copies stdin to stdout, waits `waitMs`, and exits with `code`.
 *
 *   (import fd_write, fd_read, proc_exit, poll_oneoff of wasi_snapshot_preview1)
 *   (func (export "_start")
 *     fd_write(1, greeting)  fd_write(2, complaint)
 *     (loop  fd_read(0, buffer)  if (nread != 0) { fd_write(1, buffer[..nread]); continue } )
 *     poll_oneoff(clock of waitMs)  proc_exit(code))
 */
export function wasiModule({
  greeting,
  complaint,
  code,
  waitMs = 0,
}: {
  greeting: string;
  complaint: string;
  code: number;
  waitMs?: number;
}): Buffer {
  // Memory: 0 iovec, 8 count, 16 subscription (48 bytes), 64 event (32), 128 greeting and complaint, 4096 buffer.
  const [iovec, count, subscription, event, text, buffer] = [0, 8, 16, 64, 128, 4096];
  const write = (fd: number, at: number, length: number[]): number[] => [
    ...store(iovec, i32(at)),
    ...store(iovec + 4, length),
    ...i32(fd),
    ...i32(iovec),
    ...i32(1),
    ...i32(count),
    ...call(FD_WRITE as number),
    DROP,
  ];
  const body = [
    ...write(1, text, i32(bytes(greeting).length)),
    ...write(2, text + bytes(greeting).length, i32(bytes(complaint).length)),
    0x03,
    0x40, // loop
    ...store(iovec, i32(buffer)),
    ...store(iovec + 4, i32(1024)),
    ...i32(0),
    ...i32(iovec),
    ...i32(1),
    ...i32(count),
    ...call(FD_READ as number),
    DROP,
    ...load(count),
    0x04,
    0x40, // if
    ...write(1, buffer, load(count)),
    0x0c,
    1, // br 1: the loop again
    0x0b,
    0x0b, // end if, end loop
    // subscription: userdata 0, tag 0 (clock), clock 1 (monotonic), timeout in ns at +24
    ...(waitMs === 0
      ? []
      : [
          ...store(subscription + 16, i32(1)),
          ...i32(subscription + 24),
          0x42,
          ...i32(waitMs * 1_000_000).slice(1),
          0x37,
          3,
          0,
          ...i32(subscription),
          ...i32(event),
          ...i32(1),
          ...i32(count),
          ...call(POLL as number),
          DROP,
        ]),
    ...i32(code),
    ...call(PROC_EXIT as number),
    0x0b,
  ];
  const imported = (name: string, type: number): number[] => [...named('wasi_snapshot_preview1'), ...named(name), 0, type];
  const data = bytes(greeting + complaint);
  return Buffer.from([
    0,
    ...bytes('asm'),
    1,
    0,
    0,
    0,
    ...section(
      1,
      list([
        [0x60, ...list([[I32], [I32], [I32], [I32]]), ...list([[I32]])],
        [0x60, ...list([[I32]]), 0],
        [0x60, 0, 0],
      ]),
    ),
    ...section(2, list([imported('fd_write', 0), imported('fd_read', 0), imported('proc_exit', 1), imported('poll_oneoff', 0)])),
    ...section(3, list([[2]])),
    ...section(5, list([[0, 1]])),
    ...section(
      7,
      list([
        [...named('_start'), 0, 4],
        [...named('memory'), 2, 0],
      ]),
    ),
    ...section(10, list([[...leb(body.length + 1), 0, ...body]])),
    ...section(11, list([[0, ...i32(text), 0x0b, ...leb(data.length), ...data]])),
  ]);
}
