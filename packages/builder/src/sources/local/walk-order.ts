import { invalidArgument } from '@gantry/rpc';

const SLASH = 0x2f;

/** Order of a walk: by bytes, but what lies in a folder comes right after it. Paths have one character a byte. */
export function comparePaths(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    if (x === SLASH) return -1;
    if (y === SLASH) return 1;
    return x - y;
  }
  return a.length - b.length;
}

/** A folder that the walk is in. */
export interface OpenFolder {
  readonly path: string;
  /** Its stat as it came. */
  readonly stat: Buffer;
  /** Something was made or removed in it, and it itself was left as it was. */
  touched: boolean;
}

/** Checks that a client's paths are clean, in order, and lie in folders that it named before: so none leads anywhere else. */
export class WalkOrder {
  readonly folders: OpenFolder[] = [];
  private last = '';

  /** Leaves the folders that the path does not lie in; each is given to `left`. */
  enter(path: string, left: (folder: OpenFolder) => void): void {
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1);
    if (name === '' || name === '.' || name === '..' || name.includes('\0'))
      throw invalidArgument(`the client sent the path "${path}", which is not clean`);
    if (this.last !== '' && comparePaths(this.last, path) >= 0)
      throw invalidArgument(`the client sent "${path}" after "${this.last}", out of order`);
    this.last = path;
    const parent = slash < 0 ? '' : path.slice(0, slash);
    for (let top = this.folders.at(-1); top !== undefined && top.path !== parent; top = this.folders.at(-1)) {
      this.folders.pop();
      left(top);
    }
    if (parent !== '' && this.folders.length === 0) throw invalidArgument(`the client sent "${path}" without its folder`);
  }

  end(left: (folder: OpenFolder) => void): void {
    for (let top = this.folders.pop(); top !== undefined; top = this.folders.pop()) left(top);
  }
}
