import type { Definition } from '@gantry/api/pb/ops';
import { formatReference, hostPlatform, type ImageConfig as WholeConfig, parseReference, withDefaultTag } from '@gantry/oci';
import { type CallContext, internal, invalidArgument } from '@gantry/rpc';
import { marshal } from '../../../llb/write/marshal';
import { image } from '../../../llb/write/sources';
import { NamedContexts } from '../../dockerfile/ui/named-context';
import { normalizePlatform } from '../../dockerfile/platform';
import { type FrontendBridge, type FrontendResult, type Outcome, wishFor } from '../../frontend';

/** What is used of an image's configuration. */
export type ImageConfig = Pick<WholeConfig, 'config'>;

/** A frontend's program: its tree, what it was made of, and how it is run. */
export interface FrontendImage {
  readonly outcome: Outcome;
  readonly definition: Definition;
  readonly config: ImageConfig;
}

export interface SourceWish {
  readonly bridge: FrontendBridge;
  readonly options: ReadonlyMap<string, string>;
  readonly inputs: ReadonlyMap<string, Definition>;
  readonly sessionId: string;
}

/** Finds the image that `source` names, or what the client gave in its place; with `gateway-devel` it is built by another frontend first. */
export async function frontendImage(ctx: CallContext, wish: SourceWish): Promise<FrontendImage> {
  const { bridge, options, inputs } = wish;
  const source = options.get('source') ?? '';
  if (source === '') throw invalidArgument('no source specified for gateway');
  if (options.has('gateway-devel')) {
    const own = new Map(
      [...options].flatMap(([key, value]) => (key.startsWith('gateway-') ? [[key.slice('gateway-'.length), value]] : [])),
    );
    const result = await bridge.solve(ctx, { frontend: source, options: own, inputs, evaluate: false, cacheImports: [] });
    const config = result.metadata.get('containerimage.config');
    return { ...only(result, "development gateway didn't return default result"), config: config === undefined ? {} : parseConfig(config) };
  }
  const { tree, config } = await treeOf(ctx, wish, source);
  const definition = marshal(tree, { platform: wirePlatform() });
  const result = await bridge.solve(ctx, wishFor(definition));
  return { ...only(result, "gateway source didn't return default result"), config };
}

type Tree = Parameters<typeof marshal>[0];

async function treeOf(ctx: CallContext, wish: SourceWish, source: string): Promise<{ readonly tree: Tree; readonly config: ImageConfig }> {
  const platform = normalizePlatform(hostPlatform());
  const named = new NamedContexts({ ctx, ...wish, platform }).find(source, { platform, mode: 'default', paths: () => [] });
  if (named !== undefined) {
    const { tree, image: config = {} } = await named.load();
    return { tree, config };
  }
  const reference = formatReference(withDefaultTag(parseReference(source)));
  const logName = `resolve image config for docker-image://${reference}`;
  const resolved = await wish.bridge.resolveImage(ctx, reference, { platform: undefined, mode: 'default', logName });
  const pinned =
    resolved.digest === '' || resolved.reference.includes('@') ? resolved.reference : `${resolved.reference}@${resolved.digest}`;
  return { tree: image(pinned, { name: `docker-image://${pinned}` }), config: parseConfig(resolved.config) };
}

function only({ outcomes }: FrontendResult, missing: string): Pick<FrontendImage, 'outcome' | 'definition'> {
  const outcome = outcomes.get('');
  if (outcome?.definition === undefined) throw internal(missing);
  return { outcome, definition: outcome.definition };
}

function parseConfig(text: Buffer): ImageConfig {
  try {
    return JSON.parse(text.toString()) as ImageConfig;
  } catch (error) {
    throw invalidArgument('the configuration of the frontend image is not JSON', { cause: error });
  }
}

function wirePlatform(): { OS: string; Architecture: string; Variant: string; OSVersion: string; OSFeatures: string[] } {
  const { os, architecture, variant = '' } = normalizePlatform(hostPlatform());
  return { OS: os, Architecture: architecture, Variant: variant, OSVersion: '', OSFeatures: [] };
}
