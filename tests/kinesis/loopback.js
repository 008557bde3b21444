// kinesis-local listens on every interface. Preloaded, this keeps it on loopback.
const net = require('net');
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  const options = typeof first === 'object' && first !== null ? first : { port: first };
  const callback = rest.find((each) => typeof each === 'function');
  return listen.call(this, { ...options, host: '127.0.0.1' }, callback);
};
