import { writeSum } from '@gantry/oci/tar';

/** One header of a plain ustar archive; names of these archives are short. */
export function tarHeader(name: string, size: number, options: { readonly directory?: boolean; readonly mtime?: number } = {}): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100, 'utf8');
  const octal = (value: number, at: number, width: number): void => {
    header.write(value.toString(8).padStart(width - 1, '0'), at, width - 1, 'latin1');
  };
  octal(options.directory === true ? 0o755 : 0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  if (size < 8 ** 11) octal(size, 124, 12);
  else {
    header[124] = 0x80;
    header.writeUIntBE(size, 130, 6);
  }
  octal(options.mtime ?? 0, 136, 12);
  header.write(options.directory === true ? '5' : '0', 156, 1, 'latin1');
  header.write('ustar\x0000', 257, 8, 'latin1');
  return writeSum(header);
}

export { TAR_END, tarPadding } from '@gantry/oci/tar';
