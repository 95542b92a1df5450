import { readFileSync } from 'node:fs';

/** One line of /proc/<pid>/mountinfo (proc_pid_mountinfo(5)), unescaped. */
export interface MountInfo {
  readonly id: number;
  readonly parent: number;
  /** major:minor */
  readonly device: string;
  /** What of the file system is the mount's root. */
  readonly root: string;
  readonly mountPoint: string;
  /** Options of the mount. */
  readonly options: readonly string[];
  /** shared:N, master:N, propagate_from:N, unbindable. */
  readonly propagation: readonly string[];
  readonly type: string;
  readonly source: string;
  /** Options of the file system. */
  readonly superOptions: readonly string[];
}

/** Spaces, tabs, newlines, backslashes and # are written in octal. */
const unescape = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(parseInt(digits, 8)));

/** Bytes above 127 pass unchanged: read the file as latin1 and the paths are decoded here. */
const path = (field: string): string => Buffer.from(unescape(field), 'latin1').toString();

export function parseMountInfo(text: string): MountInfo[] {
  return text.split('\n').flatMap((line) => {
    if (line === '') return [];
    const fields = line.split(' ');
    const dash = fields.indexOf('-', 6);
    const [id = '', parent = '', device = '', root = '', mountPoint = '', options = ''] = fields;
    const [type = '', source = '', superOptions = ''] = fields.slice(dash + 1);
    return [
      {
        id: Number(id),
        parent: Number(parent),
        device,
        root: path(root),
        mountPoint: path(mountPoint),
        options: options.split(','),
        propagation: fields.slice(6, dash),
        type,
        source: path(source),
        superOptions: superOptions.split(','),
      },
    ];
  });
}

/** The mounts that this process sees, in the order of mounting. */
export function readMountInfo(pid: number | 'self' = 'self'): MountInfo[] {
  return parseMountInfo(readFileSync(`/proc/${pid}/mountinfo`, 'latin1'));
}

/** The mount that a path lies on: the last one made among the longest prefixes. */
export function mountOf(target: string, mounts: readonly MountInfo[]): MountInfo | undefined {
  let best: MountInfo | undefined;
  for (const mount of mounts) {
    const covers = mount.mountPoint === '/' || target === mount.mountPoint || target.startsWith(`${mount.mountPoint}/`);
    if (covers && (best === undefined || mount.mountPoint.length >= best.mountPoint.length)) best = mount;
  }
  return best;
}

/** Mount points below a directory (itself included), innermost first: the order for unmounting. */
export function mountPointsBelow(directory: string, mounts: readonly MountInfo[]): string[] {
  return mounts
    .map(({ mountPoint }) => mountPoint)
    .filter((point) => point === directory || point.startsWith(`${directory}/`))
    .reverse();
}
