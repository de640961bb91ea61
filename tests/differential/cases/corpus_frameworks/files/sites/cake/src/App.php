cake src/App.php
