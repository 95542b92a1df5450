import { GantryError, withDetail } from '@gantry/rpc';

const KNOWN = new Set([
  'moby.buildkit.frontend.inputs',
  'moby.buildkit.frontend.subrequests',
  'moby.buildkit.frontend.contexts',
  'moby.buildkit.frontend.gitquerystring',
]);

/**
 * Looks whether this frontend can do all that the client needs (`frontend.caps`). What it cannot do fails the build; with `+forward` it is given back, since
 * a frontend that the Dockerfile names may be able to.
 */
export function checkFrontendCaps(text: string): Error | undefined {
  let missing: Error | undefined;
  for (const cap of text === '' ? [] : text.split(',')) {
    const [name = ''] = cap.split('+', 1);
    if (KNOWN.has(name)) continue;
    missing = unsupportedCap(name);
    if (!cap.includes('+forward')) throw missing;
  }
  return missing;
}

export function unsupportedCap(name: string): Error {
  const error = new GantryError('notImplemented', `unsupported frontend capability ${name}`);
  return withDetail(error, {
    typeUrl: 'github.com/moby/buildkit/errdefs.FrontendCap+json',
    value: Buffer.from(JSON.stringify({ name })),
  });
}
