import { formatPlatform, hostPlatform } from '@gantry/oci';
import { redactUrl } from '../history/redact';
import type { Step } from '../solver/step';
import type { Definition } from '@gantry/api/pb/ops';
import type { ProvenanceAttributes } from './attributes';
import { buildSteps, digestMapping, type KnownTrees, layersOf, sourceOf } from './build-config';
import type { Capture } from './capture';
import { sorted } from './sorted';
import { materialAt, materialsOf } from './materials';
import type { UsageRecord } from './usage/sampler';

export interface About {
  readonly capture: Capture;
  readonly definition: Definition | undefined;
  readonly step: Step;
  /** A name of the build that its client could not choose. */
  readonly invocation: string;
  readonly started: Date;
  /** How busy the host is; undefined where nobody wants to know. */
  readonly usage: UsageRecord | undefined;
}

/** A predicate of SLSA v0.2; what v1 says is made of it. */
export interface Predicate {
  readonly builder: { readonly id: string };
  readonly buildType: string;
  readonly materials: readonly unknown[];
  readonly invocation: {
    readonly configSource: { readonly uri?: string; readonly digest?: Readonly<Record<string, string>>; readonly entryPoint?: string };
    readonly parameters: object;
    readonly environment: { readonly platform: string };
  };
  readonly buildConfig?: object;
  readonly metadata: {
    readonly buildInvocationID: string;
    readonly buildStartedOn: string;
    readonly buildFinishedOn: string;
    readonly completeness: { readonly parameters: boolean; readonly environment: boolean; readonly materials: boolean };
    readonly reproducible: boolean;
    readonly [KEY_METADATA]: object;
    readonly [KEY_HERMETIC]?: boolean;
  };
}

export const KEY_METADATA = 'https://mobyproject.org/buildkit@v1#metadata';
export const KEY_HERMETIC = 'https://mobyproject.org/buildkit@v1#hermetic';

/** What an outcome was made of and how, as clients inspect it. */
export function makePredicate(known: KnownTrees, about: About, { mode, builderId, reproducible }: ProvenanceAttributes): Predicate {
  const { capture, definition, step } = about;
  const materials = materialsOf(capture);
  const { configSource, args, vcs } = configuration(capture, materials);
  const complete = !capture.incomplete && capture.locals.length === 0;
  const hidden = mode === 'min' && Object.keys(args).some(secretArgument);
  const shown = mode === 'min' ? Object.fromEntries(Object.entries(args).filter(([key]) => !secretArgument(key))) : args;
  const config = mode === 'max' && definition !== undefined && definition.def.length > 0 ? buildSteps(definition) : undefined;
  const source = config && definition && sourceOf(definition, config.indexes);
  const layers = config === undefined ? {} : layersOf(known, step, config.indexes);
  return {
    builder: { id: builderId },
    buildType: 'https://mobyproject.org/buildkit@v1',
    materials,
    invocation: {
      configSource,
      parameters: {
        ...(capture.frontend === '' ? {} : { frontend: capture.frontend }),
        ...(Object.keys(shown).length === 0 ? {} : { args: sorted(shown) }),
        ...(mode === 'min' ? {} : { ...some('secrets', capture.secrets.map(asNamed)), ...some('ssh', capture.ssh.map(asNamed)) }),
        ...some(
          'locals',
          capture.locals.map((name) => ({ name })),
        ),
      },
      environment: { platform: formatPlatform(hostPlatform()) },
    },
    ...(config === undefined ? {} : { buildConfig: { llbDefinition: config.steps, digestMapping: digestMapping(config.indexes) } }),
    metadata: {
      buildInvocationID: about.invocation,
      buildStartedOn: about.started.toISOString(),
      buildFinishedOn: new Date().toISOString(),
      completeness: { parameters: capture.frontend !== '' && !hidden, environment: true, materials: complete },
      reproducible,
      [KEY_METADATA]: {
        ...(Object.keys(vcs).length === 0 ? {} : { vcs }),
        ...(source === undefined ? {} : { source }),
        ...(Object.keys(layers).length === 0 ? {} : { layers }),
        ...(about.usage === undefined ? {} : { sysUsage: about.usage.samples() }),
      },
      ...(complete && !capture.network ? { [KEY_HERMETIC]: true } : {}),
    },
  };
}

const secretArgument = (key: string): boolean => key.startsWith('build-arg:') || key.startsWith('label:');
const asNamed = ({ id, optional }: { readonly id: string; readonly optional: boolean }): object => ({
  id,
  ...(optional ? { optional } : {}),
});
const some = (name: string, values: readonly unknown[]): object => (values.length === 0 ? {} : { [name]: values });

/** The frontend's options, apart from the place of its file and what is told of the repository. */
function configuration(
  { args }: Pick<Capture, 'args'>,
  materials: ReturnType<typeof materialsOf>,
): { configSource: Predicate['invocation']['configSource']; args: Record<string, string>; vcs: Record<string, string> } {
  const rest = { ...args };
  const key = args['contextkey'] || (args['input:context'] ? 'input:context' : 'context');
  const context = args[key];
  const entryPoint = args['filename'];
  const vcs: Record<string, string> = {};
  for (const [name, value] of Object.entries(args)) {
    if (!name.startsWith('vcs:')) continue;
    if (value !== '') vcs[name.slice('vcs:'.length)] = redactUrl(value);
    delete rest[name];
  }
  const material = context ? materialAt(materials, context) : undefined;
  if (context) delete rest[key];
  if (entryPoint) delete rest['filename'];
  return {
    configSource: {
      ...(context ? { uri: redactUrl(material?.uri ?? context) } : {}),
      ...(material === undefined ? {} : { digest: material.digest }),
      ...(entryPoint ? { entryPoint } : {}),
    },
    args: rest,
    vcs,
  };
}
