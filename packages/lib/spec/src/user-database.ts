import { type GantryError, invalidArgument } from '@gantry/rpc';

/** Who a container's process is. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly home: string;
}

interface Passwd {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** Ids fit a signed 32 bit integer; (uid_t) -1 means "no change" to the kernel and is never an id. */
const MAX_ID = 2 ** 31 - 1;

/** Decimal digits only, in range; anything else is undefined. */
function parseId(text: string): number | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}

/** A numeric text must be in range: it is never taken for a name instead. */
function strictId(text: string, what: string): number | undefined {
  if (!/^[-+]?[0-9]+$/.test(text)) return undefined;
  const id = parseId(text);
  if (id === undefined) throw invalidArgument(`uids and gids must be in range 0-${MAX_ID}: ${what} "${text}"`);
  return id;
}

function parsePasswd(text: string): Passwd[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uidText = '', gidText = '', , home = ''] = line.split(':');
    const uid = parseId(uidText);
    const gid = parseId(gidText);
    return name === '' || name.startsWith('#') || uid === undefined || gid === undefined ? [] : [{ name, uid, gid, home }];
  });
}

function parseGroup(text: string): Group[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , gidText = '', members = ''] = line.split(':');
    const gid = parseId(gidText);
    return name === '' || name.startsWith('#') || gid === undefined
      ? []
      : [{ name, gid, members: members.split(',').filter((member) => member !== '') }];
  });
}

/** `reason` is told apart, for those who say it in other words. */
function unknownId(kind: 'user' | 'group', name: string, reason: string): GantryError {
  return invalidArgument(`unable to find ${kind} ${name}: ${reason}`, { meta: { reason } });
}

/**
 * Reads `user[:group]` with the image's own files (their texts; empty when the image has none). A number is an id and never looked
 * up as a name, so that no line of the image's files can turn a number into another user; a name that the files do not hold is an error.
 * `groupAdd` names or numbers further groups. Throws invalidArgument.
 */
export function resolveUser(spec: string, groupAdd: readonly string[], passwdText: string, groupText: string): ResolvedUser {
  const [userText = '', groupPart, ...rest] = spec.split(':');
  if (rest.length > 0) throw invalidArgument(`invalid user specification: "${spec}"`);
  const users = parsePasswd(passwdText);
  const groups = parseGroup(groupText);

  const uid = userText === '' ? 0 : strictId(userText, 'user');
  const entry = uid === undefined ? users.find((user) => user.name === userText) : users.find((user) => user.uid === uid);
  if (uid === undefined && entry === undefined) {
    throw unknownId('user', userText, 'no matching entries in passwd file');
  }

  const groupId = (text: string): number => {
    const numeric = strictId(text, 'group');
    const gid = numeric ?? groups.find((group) => group.name === text)?.gid;
    if (gid === undefined) throw unknownId('group', text, 'no matching entries in group file');
    return gid;
  };
  const explicitGroup = groupPart !== undefined && groupPart !== '';
  const gid = explicitGroup ? groupId(groupPart) : (entry?.gid ?? 0);
  // An explicit group replaces the memberships of the files, as docker has it.
  const memberships =
    explicitGroup || entry === undefined ? [] : groups.filter((group) => group.members.includes(entry.name)).map((group) => group.gid);
  const additional = [...new Set([gid, ...memberships, ...groupAdd.map(groupId)])];
  return {
    uid: uid ?? entry?.uid ?? 0,
    gid,
    additionalGids: additional,
    home: entry?.home === undefined || entry.home === '' ? '/' : entry.home,
  };
}
