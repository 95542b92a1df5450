import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { OCI_FEATURES_TYPE_URL } from '@gantry/api';
import { RuntimeInfo } from '@gantry/api/containerd/types/types';
import { Any } from '@gantry/api/google/protobuf/any';
import { ownCommand } from '@gantry/service';
import { readOptions } from '../drivers/options';
import { packageDirectory } from '../package-directory';

const STDIN = 0;

/**
 * `-info`: what the runtime is that a task with these options would get, as containerd.types.RuntimeInfo. Options come as an Any on stdin, which may be
 * empty. A binary without the command `features` has none.
 */
export async function info(): Promise<Buffer> {
  const given = readFileSync(STDIN);
  const options = given.length === 0 ? undefined : Any.decode(given);
  const { runtime } = await readOptions(options, '/', '');
  const [program, ...args] = runtime.binary === '' ? ownCommand('gantry-runc', packageDirectory) : [runtime.binary, ...runtime.binaryArgs];
  return Buffer.from(
    RuntimeInfo.encode(
      RuntimeInfo.fromPartial({
        name: 'io.containerd.gantry.v2',
        version: { version: process.env['GANTRY_VERSION'] ?? '0.1.0', revision: process.env['GANTRY_COMMIT'] ?? '' },
        ...(options === undefined ? {} : { options }),
        ...featuresOf(program, args),
      }),
    ).finish(),
  );
}

function featuresOf(program: string, args: readonly string[]): Partial<RuntimeInfo> {
  try {
    return {
      features: {
        typeUrl: OCI_FEATURES_TYPE_URL,
        value: execFileSync(program, [...args, 'features'], { stdio: ['ignore', 'pipe', 'ignore'] }),
      },
    };
  } catch {
    return {}; // it does not know the command
  }
}
