import { OCI_FEATURES_TYPE_URL, packAny, unpackAny } from '@gantry/api';
import { RuntimeInfo, RuntimeRequest } from '@gantry/api/containerd/types/types';
import type { RuntimeHandler } from '@gantry/api/runtime/v1/api';
import type { CallContext } from '@gantry/rpc';
import { type CriConfig, DEFAULT_HANDLER, handlersOf } from '../config';
import { unknown } from '../failures';
import type { Services } from '../services';

/** The supervisor's runtime behind a handler. Throws unknown in containerd's words. */
export function runtimeOf(config: Pick<CriConfig, 'runtime-handlers'>, handler: string): string {
  const runtimes = handlersOf(config);
  const name = handler || DEFAULT_HANDLER;
  const found = Object.hasOwn(runtimes, name) ? runtimes[name] : undefined;
  if (found === undefined) throw unknown(`failed to get sandbox runtime: no runtime for "${handler}" is configured`);
  return found;
}

type FeaturesNeeds = { readonly introspection: Pick<Services['introspection'], 'pluginInfo'> };

/** Milliseconds for what a runtime says of itself: who does not say it has no features. */
const PATIENCE_MS = 5000;

/** What each handler can, as its runtime says: asked once, what could not be asked again the next time. */
export class HandlerFeatures {
  private readonly known = new Map<string, RuntimeHandler['features']>();

  constructor(
    private readonly services: FeaturesNeeds,
    private readonly config: Pick<CriConfig, 'runtime-handlers'>,
  ) {}

  async list(ctx: CallContext): Promise<RuntimeHandler[]> {
    const names = ['', ...Object.keys(handlersOf(this.config))];
    return Promise.all(names.map(async (name) => ({ name, features: await this.of(ctx, runtimeOf(this.config, name)) })));
  }

  private async of(ctx: CallContext, runtime: string): Promise<RuntimeHandler['features']> {
    const known = this.known.get(runtime);
    if (known !== undefined) return known;
    const options = packAny(RuntimeRequest, RuntimeRequest.fromPartial({ runtimePath: runtime }));
    const asked = this.services.introspection.pluginInfo(
      ctx,
      { type: 'io.containerd.runtime.v2', id: 'task', options },
      { timeoutMs: PATIENCE_MS },
    );
    return asked.then(
      ({ extra }) => {
        const features = featuresOf(unpackAny(extra, RuntimeInfo));
        this.known.set(runtime, features);
        return features;
      },
      () => NONE,
    );
  }
}

const NONE = { recursiveReadOnlyMounts: false, userNamespaces: false };

/** Of the runtime specification's features document. */
interface Features {
  readonly mountOptions?: readonly string[];
  readonly linux?: { readonly mountExtensions?: { readonly idmap?: { readonly enabled?: boolean } } };
}

/** A runtime that says nothing of its features has none of these. */
export function featuresOf(info: Pick<RuntimeInfo, 'features'> | undefined): NonNullable<RuntimeHandler['features']> {
  if (info?.features?.typeUrl !== OCI_FEATURES_TYPE_URL) return NONE;
  const { mountOptions = [], linux } = JSON.parse(Buffer.from(info.features.value).toString()) as Features;
  return { recursiveReadOnlyMounts: mountOptions.includes('rro'), userNamespaces: linux?.mountExtensions?.idmap?.enabled === true };
}
