import type { IdMapping } from '@gantry/oci';
import { failedPrecondition, invalidArgument } from '@gantry/rpc';

/** Texts of the host's files of the same names; empty where the host has none. */
export interface IdFiles {
  readonly passwd: string;
  readonly group: string;
  readonly subuid: string;
  readonly subgid: string;
}

/** The ids that containers get on the host, and whose they are. */
export interface IdRemap {
  readonly user: string;
  readonly group: string;
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
}

/** The user that docker's setting `default` means. */
const DEFAULT_USER = 'dockremap';

/**
 * The value of userns-remap, `default` or `user[:group]` with names or numbers, as maps: the ranges of subuid(5) and subgid(5) one after the
 * other, from the container's root on. Undefined for an empty value. Throws failedPrecondition that names a user, a group or a range that the
 * host does not have.
 */
export function readRemap(value: string, files: IdFiles): IdRemap | undefined {
  if (value === '') return undefined;
  const [first = '', second, ...rest] = value.split(':');
  if (first === '' || second === '' || rest.length > 0) throw invalidArgument(`userns-remap "${value}" is not default, user or user:group`);
  const user = nameOf(first === 'default' ? DEFAULT_USER : first, files.passwd, 'user', 'passwd');
  const group = nameOf(second ?? user.name, files.group, 'group', 'group');
  return {
    user: user.name,
    group: group.name,
    uids: rangesOf([user], files.subuid, 'user', 'subuid'),
    gids: rangesOf(second === undefined ? [user, group] : [group], files.subgid, 'group', 'subgid'),
  };
}

interface Named {
  readonly name: string;
  readonly id: string;
}

function nameOf(text: string, file: string, kind: string, path: string): Named {
  for (const line of file.split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (name !== '' && id !== '' && (name === text || id === text)) return { name, id };
  }
  throw failedPrecondition(`userns-remap: ${kind} "${text}" is not in /etc/${path}`);
}

/** The first that has ranges gives them: a line names its owner by name or by number. */
function rangesOf(owners: readonly Named[], file: string, kind: string, path: string): IdMapping[] {
  for (const { name, id } of owners) {
    const result: IdMapping[] = [];
    let inside = 0;
    for (const line of file.split('\n')) {
      const match = /^([^:#]+):(\d+):(\d+)\s*$/.exec(line);
      if (match === null || (match[1] !== name && match[1] !== id)) continue;
      const [hostID, size] = [Number(match[2]), Number(match[3])];
      if (size === 0 || hostID + size > 2 ** 32)
        throw failedPrecondition(`userns-remap: the range "${line}" in /etc/${path} is out of the kernel's`);
      result.push({ containerID: inside, hostID, size });
      inside += size;
    }
    if (result.length > 0) return result;
  }
  const name = owners[0]?.name ?? '';
  throw failedPrecondition(`userns-remap: ${kind} "${name}" has no range in /etc/${path} (a line like ${name}:100000:65536)`);
}
