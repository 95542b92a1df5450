import { readFileSync } from 'node:fs';
import type { LinuxCapabilities } from '@gantry/oci';
import { capabilityNames } from '@gantry/oci';
import type { Operation } from '../plan/operations';

const bits: ReadonlyMap<string, bigint> = new Map(capabilityNames.map((name, i) => [name, 1n << BigInt(i)]));

/** Sets as masks. A name that nobody knows is left out with a warning, as the specification wants. */
export function compileCapabilities(caps: LinuxCapabilities | undefined, userNamespace: boolean, warnings: string[]): Operation {
  const mask = (names: readonly string[] | undefined): bigint => {
    let result = 0n;
    for (const name of names ?? []) {
      const bit = bits.get(name.toUpperCase());
      if (bit === undefined) warnings.push(`capability ${name} is unknown and was left out`);
      else result |= bit;
    }
    return result;
  };
  const permitted = mask(caps?.permitted);
  if (!userNamespace) warnUnavailable(permitted, warnings);
  warnAmbient(caps, warnings);
  return ['CAPS', mask(caps?.bounding), mask(caps?.effective), permitted, mask(caps?.inheritable), mask(caps?.ambient)];
}

/** The kernel raises an ambient capability only where it is permitted and inheritable (capabilities(7)). */
function warnAmbient(caps: LinuxCapabilities | undefined, warnings: string[]): void {
  const has = (set: readonly string[] | undefined, name: string) => (set ?? []).some((other) => other.toUpperCase() === name.toUpperCase());
  for (const name of caps?.ambient ?? []) {
    for (const set of ['permitted', 'inheritable'] as const) {
      if (has(caps?.[set], name)) continue;
      warnings.push(`can't raise ambient capability ${name}: it is not ${set}`);
      break;
    }
  }
}

function warnUnavailable(wanted: bigint, warnings: string[]): void {
  const missing = wanted & ~heldByUs();
  for (const [name, bit] of bits) if (missing & bit) warnings.push(`capability ${name} is not available on this host and was left out`);
}

let held: bigint | undefined;

function heldByUs(): bigint {
  if (held === undefined) {
    const line = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    held = line ? BigInt(`0x${line[1]}`) : (1n << 64n) - 1n;
  }
  return held;
}
