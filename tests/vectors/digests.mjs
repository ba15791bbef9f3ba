// Reads vectors of typed_data.json from standard input and prints, as JSON, what viem makes of them: of each message the domain
// separator, the digest and the signer; of each opening and appeal the id; of each call the calldata.
import {
  encodeAbiParameters, encodeFunctionData, encodePacked, hashDomain, hashTypedData, keccak256, recoverTypedDataAddress,
} from 'viem';

const EIP712Domain = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
];

async function digestOf({ primaryType, domain, message, signature }) {
  const whole = { name: 'Piecework', version: '1', chainId: BigInt(domain.chainId), verifyingContract: domain.escrow };
  const typed = { domain: whole, types: { [primaryType]: types[primaryType] }, primaryType, message };
  return {
    separator: hashDomain({ domain: whole, types: { EIP712Domain } }),
    digest: hashTypedData(typed),
    signer: (await recoverTypedDataAddress({ ...typed, signature })).toLowerCase(),
  };
}

function openingId({ job, opening }) {
  const table = keccak256(encodePacked(['address[]'], [opening.workers]));
  const words = [job, opening.batch, opening.firstSlot, table, keccak256(opening.places)];
  return keccak256(encodeAbiParameters(['bytes32', 'bytes32', 'uint32', 'bytes32', 'bytes32'].map((type) => ({ type })), words));
}

function appealId({ job, appeal }) {
  const { inputs } = abi.find(({ name }) => name === 'appealId');
  return keccak256(encodeAbiParameters(inputs, [job, appeal]));
}

function calldata({ function: functionName, arguments: named }) {
  const { inputs } = abi.find(({ name }) => name === functionName);
  return encodeFunctionData({ abi, functionName, args: inputs.map(({ name }) => named[name]) });
}

let text = '';
for await (const chunk of process.stdin) text += chunk;
const { abi, types, messages, openings, appeals, calls } = JSON.parse(text);
const found = {
  messages: await Promise.all(messages.map(digestOf)),
  openings: openings.map(openingId),
  appeals: appeals.map(appealId),
  calls: calls.map(calldata),
};
process.stdout.write(JSON.stringify(found));
