/** Where a copy of a JSON string's text came to. */
export interface Copied {
  /** Of the closing quote; -1: what stands there has to be read by JSON.parse. */
  readonly quote: number;
  /** Behind the last byte that was written. */
  readonly end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** What the letter behind a backslash stands for; 0: nothing of one byte. */
const ESCAPED = new Uint8Array(256);
for (const [letter, meant] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t'].map(
  (pair) => [pair.charCodeAt(0), pair.charCodeAt(1)] as const,
))
  ESCAPED[letter] = meant;

/** Of a hexadecimal digit; 16 and more: it is none. */
const HEX = new Uint8Array(256).fill(0xff);
for (const digit of '0123456789abcdefABCDEF') HEX[digit.charCodeAt(0)] = Number.parseInt(digit, 16);

/**
 * Copies the text of JSON strings out of UTF-8 into UTF-8, eight bytes at a time, without a JavaScript string or an object for one. What it does not take (control
 * characters, halves of surrogate pairs, the end of the bytes) is JSON.parse's.
 */
export class TextCopy implements Copied {
  quote = -1;
  end = 0;
  readonly into: DataView;

  /** `view` is that of the data. `plain`: only text of ASCII is taken, for bytes that are not UTF-8. */
  constructor(
    private readonly data: Uint8Array,
    private readonly view: DataView,
    private readonly out: Uint8Array,
    private readonly plain: boolean,
  ) {
    this.into = new DataView(out.buffer, out.byteOffset, out.byteLength);
  }

  /** `out` has room for all that is left of the data. */
  copy(from: number, to: number): void {
    const { data, out, view, into } = this;
    const last = data.length - 8;
    let at = from;
    let end = to;
    let high = 0;
    this.quote = -1;
    for (;;) {
      while (at <= last) {
        const word = view.getInt32(at, true);
        const next = view.getInt32(at + 4, true);
        if (special(word) | special(next)) break;
        into.setInt32(end, word, true);
        into.setInt32(end + 4, next, true);
        high |= word | next;
        at += 8;
        end += 8;
      }
      const byte = data[at] as number;
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) {
        const meant = ESCAPED[data[at + 1] as number] as number;
        if (meant !== 0) {
          out[end++] = meant;
          at += 2;
          continue;
        }
        const code = data[at + 1] === 0x75 ? this.unit(at + 2) : -1;
        if (code < 0) return;
        end = put(out, end, code);
        at += 6;
        continue;
      }
      if (!(byte >= 0x20)) return; // or beyond the end
      high |= byte;
      out[end++] = byte;
      at++;
    }
    if (this.plain && (high & 0x80808080) !== 0) return;
    this.quote = at;
    this.end = end;
  }

  /** The UTF-16 unit that four digits say; -1 for half of a pair, or when they are none. */
  private unit(at: number): number {
    const { data } = this;
    if (at + 4 > data.length) return -1;
    const [a, b, c, d] = [
      HEX[data[at] as number],
      HEX[data[at + 1] as number],
      HEX[data[at + 2] as number],
      HEX[data[at + 3] as number],
    ] as [number, number, number, number];
    if ((a | b | c | d) > 15) return -1;
    const code = (a << 12) | (b << 8) | (c << 4) | d;
    return code >= 0xd800 && code < 0xe000 ? -1 : code;
  }
}

/** Of each byte, in its highest bit: whether it is below a space, a quote or a backslash. Above the lowest that is, bits may be set that say nothing. */
function special(word: number): number {
  const quotes = word ^ 0x22222222;
  const slashes = word ^ 0x5c5c5c5c;
  return (((word - 0x20202020) & ~word) | ((quotes - 0x01010101) & ~quotes) | ((slashes - 0x01010101) & ~slashes)) & 0x80808080;
}

function put(out: Uint8Array, at: number, code: number): number {
  if (code < 0x80) {
    out[at] = code;
    return at + 1;
  }
  if (code < 0x800) {
    out[at] = 0xc0 | (code >> 6);
    out[at + 1] = 0x80 | (code & 0x3f);
    return at + 2;
  }
  out[at] = 0xe0 | (code >> 12);
  out[at + 1] = 0x80 | ((code >> 6) & 0x3f);
  out[at + 2] = 0x80 | (code & 0x3f);
  return at + 3;
}
