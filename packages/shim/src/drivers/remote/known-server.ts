import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { socketOfAddress } from '@gantry/rpc';
import { isSameProcess, readJson, writeJson } from '../../monitor/state-files';
import type { Endpoint } from './session';

/** endpoint.json in the task's directory: written before the server is started, and again when it has answered. */
export interface KnownServer {
  readonly endpoint?: Endpoint;
  readonly pid?: number;
  readonly startTime?: number;
  /** It was started for our tasks, and has no reason to live when they are gone. */
  readonly owned?: boolean;
}

const fileOf = (dir: string): string => join(dir, 'endpoint.json');
export const readKnown = (dir: string): KnownServer | undefined => readJson<KnownServer>(fileOf(dir));
export const writeKnown = (dir: string, known: KnownServer): void => writeJson(fileOf(dir), known);

/** Kills the server that was started for the task of a directory, and takes its socket away: nobody will ask it any more. */
export function endServer(dir: string): void {
  const { endpoint, pid, startTime, owned } = readKnown(dir) ?? {};
  if (owned !== true) return;
  if (pid !== undefined && startTime !== undefined && isSameProcess(pid, startTime)) process.kill(pid, 'SIGKILL');
  const path = endpoint === undefined ? '' : socketOfAddress(endpoint.address);
  if (path.startsWith('/')) rmSync(path, { force: true });
}
