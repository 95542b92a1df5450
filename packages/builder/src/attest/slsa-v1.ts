import { KEY_HERMETIC, KEY_METADATA, type Predicate } from './predicate';

/** The same facts in the form of SLSA v1. */
export function toSlsaV1({ builder, materials, invocation, buildConfig, metadata }: Predicate): object {
  const { uri, digest, entryPoint } = invocation.configSource;
  return {
    buildDefinition: {
      buildType: 'https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md',
      externalParameters: {
        configSource: {
          ...(uri === undefined ? {} : { uri }),
          ...(digest === undefined ? {} : { digest }),
          ...(entryPoint === undefined ? {} : { path: entryPoint }),
        },
        request: invocation.parameters,
      },
      internalParameters: {
        ...(buildConfig === undefined ? {} : { buildConfig }),
        builderPlatform: invocation.environment.platform,
      },
      resolvedDependencies: materials,
    },
    runDetails: {
      builder,
      metadata: {
        invocationID: metadata.buildInvocationID,
        startedOn: metadata.buildStartedOn,
        finishedOn: metadata.buildFinishedOn,
        buildkit_metadata: metadata[KEY_METADATA],
        ...(metadata[KEY_HERMETIC] === true ? { buildkit_hermetic: true } : {}),
        buildkit_completeness: { request: metadata.completeness.parameters, resolvedDependencies: metadata.completeness.materials },
        ...(metadata.reproducible ? { buildkit_reproducible: true } : {}),
      },
    },
  };
}
