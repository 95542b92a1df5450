import type { Outcome } from '../frontend/frontend';

/** An image whose config a frontend has asked for. */
export interface ResolvedImage {
  readonly reference: string;
  readonly digest: string;
  readonly platform: { readonly os: string; readonly architecture: string; readonly variant: string } | undefined;
  /** From a layout of the client's, not a registry. */
  readonly local: boolean;
}

/** What a frontend asked of the builder, for what is said later about how its results came to be. */
export class Trail {
  readonly images: ResolvedImage[] = [];
  readonly outcomes: Outcome[] = [];
  /** Frontends that this one has asked. */
  readonly nested: Trail[] = [];

  /** The request that the frontend serves; undefined for the client itself. */
  constructor(readonly request?: { readonly frontend: string; readonly options: ReadonlyMap<string, string> }) {}

  add(outcome: Outcome): void {
    this.outcomes.push(outcome);
    trails.set(outcome, this);
  }

  nest(request: { readonly frontend: string; readonly options: ReadonlyMap<string, string> }): Trail {
    const trail = new Trail(request);
    this.nested.push(trail);
    return trail;
  }

  allImages(): ResolvedImage[] {
    return [...this.images, ...this.nested.flatMap((trail) => trail.allImages())];
  }

  allOutcomes(): Outcome[] {
    return [...this.outcomes, ...this.nested.flatMap((trail) => trail.allOutcomes())];
  }
}

const trails = new WeakMap<Outcome, Trail>();

/** The trail that an outcome was made on. */
export function trailOf(outcome: Outcome): Trail | undefined {
  return trails.get(outcome);
}

export function resolvedImage(
  identifier: string,
  digest: string,
  platform: { readonly OS: string; readonly Architecture: string; readonly Variant: string } | undefined,
): ResolvedImage {
  return {
    reference: identifier.slice(identifier.indexOf('://') + 3),
    digest,
    platform: platform && { os: platform.OS, architecture: platform.Architecture, variant: platform.Variant },
    local: !identifier.startsWith('docker-image://'),
  };
}
