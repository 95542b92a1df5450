import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { internal } from '@gantry/rpc/errors';
import { DEFAULT_PROFILE, DEFAULT_PROFILE_TEXT } from './default-profile';

export { DEFAULT_PROFILE };

/** Where the kernel tells of itself; a test gives its own. */
export interface AppArmorFiles {
  readonly enabled: string;
  readonly profiles: string;
  /** Program that loads a profile from its standard input. */
  readonly parser: readonly [program: string, ...args: string[]];
}

const HOST: AppArmorFiles = {
  enabled: '/sys/module/apparmor/parameters/enabled',
  profiles: '/sys/kernel/security/apparmor/profiles',
  parser: ['/sbin/apparmor_parser', '--skip-cache', '--replace', '--quiet'],
};

/** AppArmor is settled when the kernel boots. */
export function hasAppArmor({ enabled }: Pick<AppArmorFiles, 'enabled'> = HOST): boolean {
  try {
    return readFileSync(enabled, 'latin1').startsWith('Y');
  } catch {
    return false; // a kernel without it
  }
}

/** True where containers that ask for nothing are under a profile: as the original, only with the program that loads profiles. */
export const guardsByDefault = (files: AppArmorFiles = HOST): boolean => hasAppArmor(files) && existsSync(files.parser[0]);

/** Names of the profiles that the kernel has now; undefined: it has no AppArmor. */
export async function loadedProfiles(files: AppArmorFiles = HOST): Promise<ReadonlySet<string> | undefined> {
  if (!hasAppArmor(files)) return undefined;
  const profiles = await readFile(files.profiles, 'latin1').catch(() => '');
  return new Set(profiles.split('\n').map((line) => line.replace(/ \([a-z]+\)$/, '')));
}

/**
 * The profile of containers that ask for none, loaded where it is not: by its name, so that the host's owner may have loaded another one. Undefined: there
 * is no AppArmor (guardsByDefault). Rejects with internal where it cannot be loaded: a container would have fewer bounds than everybody takes for granted.
 */
export async function defaultProfile(files: AppArmorFiles = HOST): Promise<string | undefined> {
  if (!guardsByDefault(files)) return undefined;
  if ((await loadedProfiles(files))?.has(DEFAULT_PROFILE) !== true) await load(files);
  return DEFAULT_PROFILE;
}

function load({ parser: [program, ...args] }: AppArmorFiles): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: 60_000 }, (error, _stdout, stderr) => {
      if (error === null) resolve();
      else
        reject(
          internal(
            `AppArmor is enabled and the profile ${DEFAULT_PROFILE} cannot be loaded: ${program}: ${stderr.trim().split('\n', 1)[0] || error.message}`,
            { cause: error },
          ),
        );
    });
    child.stdin?.on('error', () => undefined); // it ended before it read all: its exit code tells
    child.stdin?.end(DEFAULT_PROFILE_TEXT);
  });
}
