import { forbidden, invalidArgument } from '@gantry/rpc';

const KNOWN = ['security.insecure', 'network.host', 'device'] as const;

/**
 * What a build is allowed of what it asks for. `device=NAME` asks for one device. Errors: invalidArgument for what is no entitlement, forbidden for one that this
 * builder does not give.
 */
export function grant(asked: readonly string[], given: ReadonlySet<string>): ReadonlySet<string> {
  for (const entitlement of asked) {
    const name = entitlement.split('=', 1)[0] ?? '';
    if (!(KNOWN as readonly string[]).includes(name)) throw invalidArgument(`unknown entitlement ${entitlement}`);
    if (!given.has(name)) throw forbidden(`granting entitlement ${name} is not allowed by build daemon configuration`);
  }
  return new Set(asked);
}
