import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Holder, HoldersServiceService, HoldRequest } from '@gantry/api/gantry/shim/v1/shim';
import type { Helper } from '@gantry/native';
import { GantryError, type Handlers, invalidArgument } from '@gantry/rpc';
import { isSameProcess, readJson, startTimeOf, writeJson } from '../monitor/state-files';
import { checkIdentifier } from '../tasks/record';

/** Of a holder's process, as it is kept on disk: the number alone may be another's by now. */
interface Kept {
  readonly pid: number;
  readonly startTime: number;
}

/** What of the kernel belongs to one network or ipc namespace; the rest would be the host's. */
const OF_NETWORK = /^net\.[A-Za-z0-9_./-]+$/;
const OF_IPC = /^(?:kernel\.(?:shm_rmid_forced|shmall|shmmax|shmmni|msgmax|msgmnb|msgmni|sem)|fs\.mqueue\.[a-z_]+)$/;

/** gantry.shim.v1.HoldersService: processes of the C program, known by a file each, so that the next shim knows them too. */
export function holdersHandlers(folder: string, helper: Pick<Helper, 'request'>): Handlers<typeof HoldersServiceService> {
  const fileOf = (id: string): string => join(folder, `${checkIdentifier('holder id', id)}.json`);
  const told = (id: string, kept: Kept): Holder => ({ id, pid: kept.pid, alive: isSameProcess(kept.pid, kept.startTime) });
  return {
    async hold(_ctx, request) {
      const file = fileOf(request.id);
      const before = readJson<Kept>(file);
      if (before !== undefined) return { holder: told(request.id, before) };
      checkSysctls(request);
      checkMaps(request);
      const { network, ipc, uts, pid, hostname, uidMap: uids, gidMap: gids } = request;
      const sysctls = Object.entries(request.sysctls).map(([name, value]) => `${name}=${value}`);
      const answer = await helper.request('hold', { network, ipc, uts, pid, hostname, sysctls, uids, gids });
      if (!answer.ok || answer.pid === undefined)
        throw new GantryError(
          answer.code === 'invalid' ? 'invalidArgument' : 'internal',
          `namespaces of "${request.id}": ${answer.error ?? 'no process'}`,
        );
      const kept = { pid: answer.pid, startTime: startTimeOf(answer.pid) ?? 0 };
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeJson(file, kept);
      return { holder: told(request.id, kept) };
    },
    async release(_ctx, { id }) {
      const file = fileOf(id);
      const kept = readJson<Kept>(file);
      if (kept !== undefined && isSameProcess(kept.pid, kept.startTime)) process.kill(kept.pid, 'SIGKILL');
      rmSync(file, { force: true });
      return {};
    },
    async list(_ctx, { id: only }) {
      const known = (): string[] => (existsSync(folder) ? readdirSync(folder).flatMap((name) => /^(.+)\.json$/.exec(name)?.[1] ?? []) : []);
      return {
        holders: (only === '' ? known() : [only]).flatMap((id) => {
          const kept = readJson<Kept>(fileOf(id));
          return kept === undefined ? [] : [told(id, kept)];
        }),
      };
    },
  };
}

const MAP = /^(?:\d+ \d+ \d+\n?)+$/;

function checkMaps({ uidMap, gidMap }: HoldRequest): void {
  if (uidMap === '' && gidMap === '') return;
  for (const [name, map] of [
    ['uid_map', uidMap],
    ['gid_map', gidMap],
  ] as const)
    if (!MAP.test(map)) throw invalidArgument(`${name} is not lines of three numbers`);
}

function checkSysctls({ sysctls, network, ipc }: HoldRequest): void {
  for (const [name, value] of Object.entries(sysctls)) {
    const allowed = (network && OF_NETWORK.test(name) && !name.includes('..')) || (ipc && OF_IPC.test(name));
    if (!allowed) throw invalidArgument(`sysctl "${name}" is not of a namespace of its own`);
    if (value.includes('\0')) throw invalidArgument(`sysctl "${name}": its value holds a zero byte`);
  }
}
