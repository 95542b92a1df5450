import { readCertificateFolder, readResolvConf } from '../config';
import { dockerdServices } from '../services';
import type { Flags } from './command-line';
import { readDaemonJson } from './daemon-json';
import { makePlan } from './make-plan';
import { dockerdOptions } from './options';
import type { Plan } from './plan';
import { configOfPlan } from './service-config';
import type { Value } from './values';

/** What the command line and the file said, and what it comes to. */
export interface Settings {
  readonly flags: Flags;
  readonly file: string;
  readonly keys: ReadonlyMap<string, Value>;
  readonly plan: Plan;
}

/** Reads the file that the flags name; every service's configuration is checked. Errors: invalidArgument. */
export function readSettings(flags: Flags): Settings {
  const { file, keys } = readDaemonJson(flags);
  return { flags, file, keys, plan: checkedPlan(flags, keys) };
}

/** The file is read again. What can change while the engine runs is taken over; all else stays what it was until the next start. */
export function reloadSettings({ flags, keys: before }: Settings): Settings {
  const { file, keys: written } = readDaemonJson(flags);
  const keys = new Map(before);
  for (const { key = '', reloads } of dockerdOptions) {
    if (reloads === undefined) continue;
    const value = written.get(key);
    if (value !== undefined) keys.set(key, value);
    else if (reloads === 'or-default') keys.delete(key);
  }
  return { flags, file, keys, plan: checkedPlan(flags, keys) };
}

function checkedPlan(flags: Flags, keys: ReadonlyMap<string, Value>): Plan {
  const plan = makePlan({ flags, keys, certificates: readCertificateFolder(), resolvConf: readResolvConf() });
  for (const spec of dockerdServices) configOfPlan(plan)(spec);
  return plan;
}
