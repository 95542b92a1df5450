import { type ResolvedUser, resolveUser } from '@gantry/spec';
import type { Tree } from './tree';

const ROOT: ResolvedUser = { uid: 0, gid: 0, additionalGids: [0], home: '/' };
const BOTH_NUMBERS = /^(?:root|[0-9]+):(?:root|[0-9]+)$/;

/** Who a process of a tree is. Two numbers are taken as they are, with no further groups; everything else is looked up in the tree's own files. */
export async function userOf(tree: Tree, user: string): Promise<ResolvedUser> {
  if (user === '') return rootOf(tree);
  if (BOTH_NUMBERS.test(user)) return resolveUser(user.replace(/\broot\b/g, '0'), [], '', '');
  const [passwd, group] = await Promise.all([tree.text('/etc/passwd'), tree.text('/etc/group')]);
  return resolveUser(user, [], passwd, group);
}

/** The groups that the tree gives to its root; without files, the root of every tree. */
async function rootOf(tree: Tree): Promise<ResolvedUser> {
  const [passwd, group] = await Promise.all([tree.text('/etc/passwd'), tree.text('/etc/group')]);
  return passwd === '' ? ROOT : resolveUser('0', [], passwd, group);
}
