package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// daemonSettings are the flags of a daemon, and what they must keep to.
type daemonSettings interface {
	addFlags(*cobra.Command)
	validate() error
}

// daemonKind is a daemon that config looks after.
type daemonKind struct {
	name string
	make func() daemonSettings
	// examples are values for the settings without a default that says anything.
	examples map[string]string
}

var daemonKinds = []daemonKind{
	{
		name: "coordinator",
		make: func() daemonSettings { return newCoordinatorSettings() },
		examples: map[string]string{
			"tls":  "/etc/lockstep/tls",
			"data": "/var/lib/lockstep/coordinator", "shards": "4", "name": "c1", "advertise": "10.0.0.1:7400",
			"peers": "c1=10.0.0.1:7400,c2=10.0.0.2:7400,c3=10.0.0.3:7400", "otlp": "127.0.0.1:4317",
		},
	},
	{
		name: "shard",
		make: func() daemonSettings { return newShardSettings() },
		examples: map[string]string{
			"tls": "/etc/lockstep/shard0.tls",
			"id":  "0", "data": "/var/lib/lockstep/shard0", "coordinator": "127.0.0.1:7400", "advertise": "10.0.0.5:7410",
			"http": "127.0.0.1:7490", "peer-timeout": "3s", "workers": "4", "otlp": "127.0.0.1:4317",
		},
	},
}

// writeExample writes a config file to begin with; root has the flags of every
// command.
func (k daemonKind) writeExample(w io.Writer, root *cobra.Command) error {
	daemon := &cobra.Command{Use: k.name}
	k.make().addFlags(daemon)
	return cli.WriteExample(w, root, daemon, k.examples)
}

func configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		GroupID: groupMend,
		Short:   "Check, show and begin the config files of daemons",
		Long: `Check, show and begin the config files of daemons. A config file is YAML, a line a
setting, whose keys are the names of the daemon's flags. A flag beats the
environment, and the environment beats the file.`,
	}
	cmd.AddCommand(
		configVerb("check", "Check a config file and all other settings of a %s", `Check what a daemon would be told by the same flags, environment and config file,
and start nothing. Exit code 2 and one sentence if anything is wrong.`, checkConfig),
		configVerb("show", "Show every setting of a %s, and where its value comes from", `Show every setting of a daemon that is given the same flags, environment and config
file: the value that it would use, and where that comes from.`, showConfig),
		exampleCommand(),
	)
	return cmd
}

// lookAt does something with settings that are sound.
type lookAt func(cmd *cobra.Command, daemon string, settings []cli.Setting) error

// configVerb makes a command with one below it for each daemon, which takes the
// flags of that daemon. short has its name in place of %s.
func configVerb(verb, short, long string, do func(*cobra.Command) lookAt) *cobra.Command {
	parent := &cobra.Command{Use: verb, Short: fmt.Sprintf(short, "daemon"), Long: long}
	for _, kind := range daemonKinds {
		settings := kind.make()
		cmd := &cobra.Command{
			Use:     kind.name + " [FILE]",
			Short:   fmt.Sprintf(short, kind.name),
			Long:    long + "\n\nFILE is short for --config FILE.",
			Example: fmt.Sprintf("  lockstep config %s %s /etc/lockstep/%s.yaml", verb, kind.name, exampleFile(kind.name)),
			Args:    cli.ConfigFile,
		}
		settings.addFlags(cmd)
		look := do(cmd)
		cmd.RunE = func(cmd *cobra.Command, _ []string) error {
			if err := settings.validate(); err != nil {
				return err
			}
			return look(cmd, kind.name, cli.Settings(cmd))
		}
		parent.AddCommand(cmd)
	}
	return parent
}

// exampleFile is the name of the file that a unit of the daemon reads.
func exampleFile(daemon string) string {
	if daemon == "shard" {
		return "shard0"
	}
	return daemon
}

func checkConfig(*cobra.Command) lookAt {
	return func(cmd *cobra.Command, daemon string, settings []cli.Setting) error {
		for _, wrong := range cli.UnknownVariables(cmd.Root()) {
			cli.Logger(cmd.Context()).Warn(wrong)
		}
		from := map[cli.Source]int{}
		for _, s := range settings {
			from[s.From]++
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: sound: settings from the file: %d, from the environment: %d, from flags: %d, defaults: %d\n",
			daemon, from[cli.FromFile], from[cli.FromEnvironment], from[cli.FromFlag], from[cli.FromDefault])
		return err
	}
}

func showConfig(cmd *cobra.Command) lookAt {
	format := cli.AddFormat(cmd)
	return func(cmd *cobra.Command, daemon string, settings []cli.Setting) error {
		if format.JSON() {
			return cli.WriteJSON(cmd.OutOrStdout(), struct {
				Daemon   string        `json:"daemon"`
				Settings []cli.Setting `json:"settings"`
			}{daemon, settings})
		}
		table := report.NewTable("SETTING", "VALUE", "FROM")
		for _, s := range settings {
			table.Row(s.Name, report.Printable(s.Value), report.Printable(s.String()))
		}
		_, err := table.WriteTo(cmd.OutOrStdout())
		return err
	}
}

func exampleCommand() *cobra.Command {
	parent := &cobra.Command{
		Use:   "example",
		Short: "Print a config file to begin with",
		Long:  "Print a config file with every setting of a daemon, what it means, and its default.",
	}
	for _, kind := range daemonKinds {
		parent.AddCommand(&cobra.Command{
			Use:     kind.name,
			Short:   "Print a config file for a " + kind.name,
			Long:    "Print a config file with every setting of a " + kind.name + ", what it means, and its default.",
			Example: fmt.Sprintf("  lockstep config example %s > %s.yaml", kind.name, exampleFile(kind.name)),
			RunE: func(cmd *cobra.Command, _ []string) error {
				return kind.writeExample(cmd.OutOrStdout(), cmd.Root())
			},
		})
	}
	return parent
}
