import { invalidArgument } from '@gantry/rpc';

/** Checks the name of a volume to be created (empty: chosen), with dockerd's words. */
export function checkVolume(name: string): void {
  if (name === '') return;
  if (name.length < 2 && /^[a-zA-Z0-9]$/.test(name))
    throw invalidArgument('volume name is too short, names should be at least two alphanumeric characters');
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
    throw invalidArgument(
      `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
}
