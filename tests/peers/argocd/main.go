// Runs the Lua of argocd-cm as Argo CD does: the same interpreter, the same few libraries, the same second of time.
//
// Standard input is a JSON list of {"script", "obj"}; for each, standard output has {"value"} or {"error"}.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	lua "github.com/yuin/gopher-lua"
)

type job struct {
	Script string `json:"script"`
	Obj    any    `json:"obj"`
}

type result struct {
	Value any    `json:"value,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	var jobs []job
	if err := json.NewDecoder(os.Stdin).Decode(&jobs); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	results := make([]result, len(jobs))
	for at, job := range jobs {
		value, err := run(job)
		results[at].Value = value
		if err != nil {
			results[at].Error = err.Error()
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(job job) (any, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	libraries := []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
		{lua.OsLibName, openClock},
	}
	for _, library := range libraries {
		call := lua.P{Fn: state.NewFunction(library.open), NRet: 0, Protect: true}
		if err := state.CallByParam(call, lua.LString(library.name)); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", toLua(state, job.Obj))
	if err := state.DoString(job.Script); err != nil {
		return nil, err
	}
	if state.GetTop() == 0 {
		return nil, fmt.Errorf("the script returns nothing")
	}
	return fromLua(state.Get(-1)), nil
}

// openClock has of `os` what looks at the clock, and nothing that reaches out.
func openClock(state *lua.LState) int {
	lua.OpenOs(state)
	whole := state.Get(-1).(*lua.LTable)
	state.Pop(1)
	few := state.NewTable()
	for _, name := range []string{"time", "date"} {
		few.RawSetString(name, whole.RawGetString(name))
	}
	state.SetGlobal(lua.OsLibName, few)
	state.Push(few)
	return 1
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		table := state.NewTable()
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for name, item := range value {
			table.RawSetString(name, toLua(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}

func fromLua(value lua.LValue) any {
	switch value := value.(type) {
	case lua.LBool:
		return bool(value)
	case lua.LNumber:
		return float64(value)
	case lua.LString:
		return string(value)
	case *lua.LTable:
		if length := value.Len(); length > 0 {
			items := make([]any, 0, length)
			for at := 1; at <= length; at++ {
				items = append(items, fromLua(value.RawGetInt(at)))
			}
			return items
		}
		members := map[string]any{}
		value.ForEach(func(name, member lua.LValue) { members[name.String()] = fromLua(member) })
		return members
	default:
		return nil
	}
}
