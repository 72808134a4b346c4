// SPDX-License-Identifier: ISC
//
// NAME      wsysfdash - the functions of a browser dashboard, without a browser
// PURPOSE   Loads the unmodified functions.js of WSYSFDash and feeds it a log line by line, as its
//           websocket would; prints the tables that a browser would show as JSON.
// OWNER     logdashboard.py
// CONTRACT  node wsysfdash.js HTML-FOLDER LOG-FILE; the time stands still at the last line of the log
// LIMITS    of jQuery and DataTables it has what that file calls, no more

"use strict";
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const [folder, log] = process.argv.slice(2);
const lines = fs.readFileSync(log, "utf8").split("\n").filter((line) => line !== "");
const last = Date.parse(lines[lines.length - 1].substring(3, 22).replace(" ", "T") + ".000Z");

class Table {
	constructor() {
		this.kept = [];
	}

	get row() {
		const one = (at) => ({
			data: (fresh) => {
				if (fresh !== undefined)
					this.kept[at] = fresh;
				return fresh !== undefined ? { draw: () => undefined } : this.kept[at];
			},
			node: () => ({}),
		});
		one.add = (data) => {
			this.kept.push(data);
			return { draw: () => undefined };
		};
		return one;
	}

	rows(visit) {
		this.kept.forEach((data, index) => visit(index, data, {}));
		return { draw: () => undefined };
	}

	data() {
		return this.kept;
	}

	clear() {
		this.kept = [];
		return { draw: () => undefined };
	}
}

const tables = { t_ct: new Table(), t_lh: new Table(), t_allh: new Table(), t_gw: new Table(),
	t_mgw: new Table(), t_qso: new Table() };
const element = { setAttribute: () => undefined, appendChild: () => undefined, children: [] };

function jquery(what) {
	return {
		ready: (run) => run(),
		modal: () => undefined,
		addClass: () => undefined,
		removeClass: () => undefined,
		dataTable: () => ({
			fnUpdate: (data, at) => {
				const table = { "#lastHeard": tables.t_lh, "#allHeard": tables.t_allh,
					"#inQSO": tables.t_qso }[what];
				table.kept[at] = data;
			},
		}),
	};
}

class StandingDate extends Date {
	static now() {
		return last;
	}
}

const world = Object.assign({
	$: jquery, console, Date: StandingDate, setInterval: () => 0,
	document: { cookie: "", createElement: () => element, getElementById: () => element,
		getElementsByTagName: () => [element], location: { reload: () => undefined } },
}, tables);
vm.createContext(world);
for (const name of ["config.js", "functions.js"])
	vm.runInContext(fs.readFileSync(path.join(folder, "js", name), "utf8"), world, name);
// what the operator would set there, so that everything is shown in UTC
vm.runInContext("useClientTimezone = 0; showBlockedTX = 1; qrz = 0; osm = 0; qso = 0;", world);
for (const line of lines) {
	world.line = { data: line };
	vm.runInContext("getLastHeard(document, line); getAllHeard(document, line);" +
		"getGateways(document, line); getMutedGateways(document, line);", world);
}
vm.runInContext("getCurrentTXing()", world);
const shown = {};
for (const [name, table] of Object.entries(tables))
	shown[name] = table.kept;
console.log(JSON.stringify(shown));
