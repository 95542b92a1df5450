export { type ApiServerOptions, type Asked, startApiServer } from './api-server';
