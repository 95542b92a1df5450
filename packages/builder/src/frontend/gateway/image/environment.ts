import type { WorkerRecord } from '@gantry/api/moby/buildkit/v1/types/worker';

/** What a frontend in a container is told by its environment, beside its image's own variables. */
export function frontendVariables(options: ReadonlyMap<string, string>, sessionId: string, workers: readonly WorkerRecord[]): string[] {
  return [
    ...[...options].map(([key, value], index) => `BUILDKIT_FRONTEND_OPT_${index}=${key}=${value}`),
    `BUILDKIT_SESSION_ID=${sessionId}`,
    `BUILDKIT_WORKERS=${JSON.stringify(workers.map(workerInfo))}`,
    'BUILDKIT_EXPORTEDPRODUCT=gantry',
  ];
}

/** As the frontends' library reads it: Go's names, and the platforms in the form of OCI. */
function workerInfo({ ID, Labels, platforms }: WorkerRecord): object {
  return {
    ID,
    Labels,
    Platforms: platforms.map(({ OS: os, Architecture: architecture, Variant: variant }) => ({
      architecture,
      os,
      ...(variant === '' ? {} : { variant }),
    })),
    GCPolicy: [],
  };
}

/** Names out of `name+hint,name`. */
export function capNames(text: string | undefined): Set<string> {
  const names = (text ?? '').split(',').map((part) => part.split('+', 1)[0] ?? '');
  return new Set(names.filter((name) => name !== ''));
}
