/** The directory of the running bundle, or of this package's sources. */
export const packageDirectory = __dirname;
