import type { VersionService } from '@gantry/api/containerd/services/version/v1/version';
import type { Handlers } from '@gantry/rpc';

/** containerd.services.version.v1: what `ctr version` shows of the server. */
export function versionHandlers(build: { readonly version: string; readonly revision: string }): Handlers<typeof VersionService> {
  return { version: () => Promise.resolve({ version: build.version, revision: build.revision }) };
}
