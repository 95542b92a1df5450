import type { ChownOpt, UserOpt } from '@gantry/api/pb/ops';
import { internal, invalidArgument } from '@gantry/rpc';

/** Ids that what is made gets; undefined: the maker's, or the source's. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Reads a file of one of the op's trees; undefined when there is none. */
export type ReadFrom = (input: bigint, path: string) => Promise<Buffer | undefined>;

/** Owner by numbers, or by names looked up in the databases of the tree that the op says. An unknown name is root's; the group of a user is that user's own. */
export async function ownerOf(owner: ChownOpt | undefined, readFrom: ReadFrom): Promise<Owner | undefined> {
  if (owner === undefined) return undefined;
  const { uid, gid } = await userOf(owner.user, readFrom);
  const group = owner.group;
  if (group?.byID !== undefined) return { uid, gid: group.byID };
  if (group?.byName === undefined) return { uid, gid };
  const [found] = await look(group, '/etc/group', readFrom);
  return { uid, gid: found?.[2] === undefined ? gid : numberOf(found[2], '/etc/group') };
}

async function userOf(user: UserOpt | undefined, readFrom: ReadFrom): Promise<Owner> {
  if (user?.byID !== undefined) return { uid: user.byID, gid: user.byID };
  if (user?.byName === undefined) return { uid: 0, gid: 0 };
  const [found] = await look(user, '/etc/passwd', readFrom);
  if (found === undefined) return { uid: 0, gid: 0 };
  return { uid: numberOf(found[2], '/etc/passwd'), gid: numberOf(found[3], '/etc/passwd') };
}

/** Lines of the database with that name, as fields. */
async function look({ byName }: UserOpt, path: string, readFrom: ReadFrom): Promise<string[][]> {
  if (byName === undefined) throw internal(`nobody is named for ${path}`);
  if (byName.input < 0n) throw invalidArgument(`invalid user index: ${byName.input}`);
  const text = (await readFrom(byName.input, path))?.toString('latin1') ?? '';
  const name = Buffer.from(byName.name).toString('latin1');
  return text
    .split('\n')
    .map((line) => line.trim().split(':'))
    .filter((fields) => fields[0] === name);
}

/** As Go's Atoi reads it, whose failures count as 0. */
function numberOf(text: string | undefined, path: string): number {
  const value = /^[+-]?\d+$/.test(text ?? '') ? Number(text) : 0;
  if (value < 0 || value > 0xffffffff) throw invalidArgument(`id ${text} in ${path} is out of range`);
  return value;
}
