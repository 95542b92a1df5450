import { invalidArgument } from '@gantry/rpc/errors';

const HIGHEST = 8191;

/** A list as "0-3,7" as a mask in the kernel's bit order, in whole words of 64 bit. Throws invalidArgument. */
export function parseList(text: string, field: string): Uint8Array {
  const mask = new Uint8Array((HIGHEST + 1) / 8);
  let top = -1;
  for (const part of text.split(',')) {
    const match = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (!match || first > last || last > HIGHEST) throw invalidArgument(`config.json: ${field}: "${text}" is not a list of numbers`);
    for (let i = first; i <= last; i++) mask[i >> 3] = (mask[i >> 3] as number) | (1 << (i & 7));
    top = Math.max(top, last);
  }
  return mask.slice(0, (Math.floor(top / 64) + 1) * 8);
}
