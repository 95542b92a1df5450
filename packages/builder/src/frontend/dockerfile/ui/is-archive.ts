const MAGICS = [
  [0x42, 0x5a, 0x68], // bzip2
  [0x1f, 0x8b, 0x08], // gzip
  [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], // xz
].map((bytes) => Buffer.from(bytes));

/** Is this how a tar begins, compressed or not? */
export function isArchive(head: Buffer): boolean {
  return MAGICS.some((magic) => head.subarray(0, magic.length).equals(magic)) || isTarHeader(head.subarray(0, 512));
}

/** A header's checksum is the sum of its bytes, with blanks in place of itself. */
function isTarHeader(block: Buffer): boolean {
  if (block.length < 512) return false;
  const written = /^\s*([0-7]+)/.exec(block.toString('latin1', 148, 156))?.[1];
  if (written === undefined) return false;
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  return parseInt(written, 8) === sum;
}
