import { invalidArgument } from '@gantry/rpc';
import type { Endpoint } from './session';

/**
 * The answer of a shim's `start`: its last line is the address alone (ttrpc, Task v2: containerd 1.x), or JSON with version, address and
 * protocol (containerd's bootstrap parameters).
 */
export function parseBootstrap(output: string): Endpoint {
  const line = output.trim().split('\n').at(-1)?.trim() ?? '';
  if (line === '') throw invalidArgument('the shim told no address');
  if (!line.startsWith('{')) return { address: line, protocol: 'ttrpc', version: 2 };
  const { version, address, protocol } = parse(line);
  if (version !== 2 && version !== 3) throw invalidArgument(`version ${String(version)} of the shim's answer is not known, only 2 and 3`);
  if (protocol !== 'ttrpc' && protocol !== 'grpc')
    throw invalidArgument(`protocol "${String(protocol)}" of the shim's answer is not known, only ttrpc and grpc`);
  if (typeof address !== 'string' || address === '') throw invalidArgument(`the shim told no address: ${line}`);
  return { address, protocol, version };
}

function parse(line: string): { version?: unknown; address?: unknown; protocol?: unknown } {
  try {
    return JSON.parse(line) as { version?: unknown; address?: unknown; protocol?: unknown };
  } catch (error) {
    throw invalidArgument(`the shim's answer is no JSON: ${line}`, { cause: error });
  }
}
