import type { SystemVersion, SystemVersionComponentDetails } from '@gantry/api/gantry/engine/v1/types';
import { hostPlatform } from '@gantry/oci';
import { type CallContext, isGantryError } from '@gantry/rpc';
import { hostFacts } from './host';

export interface Build {
  readonly version: string;
  readonly revision: string;
  readonly experimental: boolean;
}

/** Asks one service for its version; rejects when it does not tell. */
export type VersionQuestion = (ctx: CallContext) => Promise<string>;

/** GET /version. ApiVersion and MinAPIVersion are the gateway's to say. */
export async function systemVersion(
  build: Build,
  services: Readonly<Record<string, VersionQuestion>>,
  ctx: CallContext,
): Promise<SystemVersion> {
  const component = (Name: string, Version: string): SystemVersion['Components'][number] => ({ Name, Version, Details: undefined });
  const host = hostFacts();
  const engine: SystemVersionComponentDetails = {
    ApiVersion: '',
    Arch: hostPlatform().architecture,
    BuildTime: '',
    Experimental: String(build.experimental),
    GitCommit: build.revision,
    GoVersion: '',
    KernelVersion: host.kernel,
    MinAPIVersion: '',
    Os: 'linux',
  };
  const others = await Promise.all(
    Object.entries(services).map(async ([name, ask]) => {
      try {
        return [component(name, await ask(ctx))];
      } catch (error) {
        if (isGantryError(error)) return []; // a service that is down, or of another make, is not listed
        throw error;
      }
    }),
  );
  return {
    Platform: { Name: 'Gantry' },
    Components: [
      { Name: 'Engine', Version: build.version, Details: engine },
      component('gantry-supervisor', build.version),
      ...others.flat(),
    ],
    Version: build.version,
    ApiVersion: '',
    MinAPIVersion: '',
    GitCommit: build.revision,
    GoVersion: '',
    Os: 'linux',
    Arch: hostPlatform().architecture,
    KernelVersion: host.kernel,
    Experimental: build.experimental,
    BuildTime: '',
  };
}
