export type Environment = Readonly<Record<string, string | undefined>>;

/** What drivers are told by the engine's environment, as their originals are: credentials, regions, proxies, rests between batches. Read at each connection. */
export const driverEnvironment = (): Environment => process.env;
