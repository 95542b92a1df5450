import { invalidArgument } from '../errors';
import { checkSocketPath } from '../short-socket';

/**
 * The path that Node connects to for an address of containerd's: `/path`, `unix:///path`, `unix://@name` or `\0name` (an abstract socket).
 * Other schemes (vsock://, hvsock://) are invalid arguments.
 */
export function socketOfAddress(address: string): string {
  const scheme = /^([a-z]+):\/\//.exec(address)?.[1];
  if (scheme !== undefined && scheme !== 'unix')
    throw invalidArgument(`address "${address}": scheme ${scheme} is not supported, only unix`);
  const path = scheme === undefined ? address : address.slice('unix://'.length);
  if (path.startsWith('@')) return `\0${path.slice(1)}`;
  return path.startsWith('\0') ? path : checkSocketPath(path);
}
